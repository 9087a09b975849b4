"""Run ``mu-conformance validate``: measure the suite's own error rates on this machine."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.cli.command import CommandError
from mu_conformance.cli.store import cache_of
from mu_conformance.cli.table import print_table
from mu_conformance.scenarios.profiles import PROFILES, find_profile
from mu_conformance.scorecard.known_error_rates import smallest

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    found = commands.add_parser(
        "validate",
        help="how often verdicts are wrong: on exact retraining, and on methods that keep a share of the forget rows",
        description="Trains a pool of models for each task (minutes to an hour; stopped, it goes on from what it had), "
        "draws judgements from it, and writes the rates.",
    )
    found.add_argument("task", nargs="+", metavar="TASK")
    found.add_argument("--profile", default="smoke", metavar="NAME", help=", ".join(PROFILES))
    found.add_argument("--cache", type=Path, metavar="DIR", help="instead of the user's cache directory")
    found.add_argument("--processes", type=_positive, default=1, metavar="N", help="that train the pool; default 1")
    found.add_argument(
        "--judgements",
        type=_positive,
        default=200,
        metavar="N",
        help="of exact retraining, and half as many of each share; default 200",
    )
    found.add_argument(
        "--shares",
        type=_share,
        nargs="+",
        metavar="Q",
        help="of the forget rows that a method keeps; default seven from 0.05 to 0.5",
    )
    found.add_argument(
        "--easy",
        type=_share,
        nargs="*",
        metavar="Q",
        help="of the forget rows that a method keeps which chooses the easiest; default four from 0.05 to 0.3",
    )
    found.add_argument(
        "--output", type=Path, default=Path("mu-validity.json"), metavar="FILE", help="default %(default)s"
    )
    found.set_defaults(run=_validate)


def _positive(text: str) -> int:
    """Return a number of 1 or more."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"a number of 1 or more is needed, not {text!r}")
    return number


def _share(text: str) -> float:
    """Return a share between 0 and 1."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"a share of the forget rows lies between 0 and 1, not {text!r}")
    return share


def _studies(path: Path) -> dict[str, Any]:
    """Return the studies of an earlier run, so that this one adds to them."""
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["studies"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CommandError(
            f"{path} is not what validate writes ({type(error).__name__}); name another --output"
        ) from None


def _validate(options: argparse.Namespace) -> int:
    from mu_conformance.tasks import registry

    profile = find_profile(options.profile).name
    tasks = [discovery.one_of("task", name, sorted(registry.tasks())) for name in options.task]
    cache = cache_of(options)
    studies = _studies(options.output)

    from mu_conformance.error_rates.study import EASY, SHARES, Study, build, study
    from mu_conformance.store.pack import packaged_packs

    packs = packaged_packs()
    shares = tuple(sorted(set(options.shares or SHARES)))
    easy = EASY if options.easy is None else tuple(sorted(set(options.easy)))
    for task in tasks:
        plan = Study(task, profile, shares, options.judgements, easy=easy)
        try:
            built = build(plan, cache, packs, processes=options.processes)
            print(f"{task}: {built} models and outputs made", flush=True)
            studies[f"{profile} {task}"] = study(plan, cache, packs, lambda line: print(line, flush=True))
        except OSError as error:
            raise CommandError(str(error)) from None
        _write(options.output, options, studies)
    print_table([_row(found) for found in studies.values()])
    return 0


def _write(path: Path, options: argparse.Namespace, studies: dict[str, Any]) -> None:
    command = f"mu-conformance validate {' '.join(options.task)} --profile {options.profile}"
    text = json.dumps({"command": command, "studies": studies}, indent=1, sort_keys=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(f"{text}\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def _row(found: dict[str, Any]) -> dict[str, Any]:
    alarms = found["false_alarm_rate"]
    least = smallest({one["kept"]: one["estimate"] for one in found["detection"]})
    return {
        "task": found["task"],
        "profile": found["profile"],
        "false_alarms": f"{alarms['estimate']:.1%} [{alarms['interval'][0]:.1%}, {alarms['interval'][1]:.1%}]",
        "smallest_share_kept_that_is_found_in_90_%": "-" if least is None else f"{least:g}",
    }
