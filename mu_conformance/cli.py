"""``mu-conformance list | report | compare | verify | store``: everything that is not a test run.

Exit status: 0 for yes, 1 for no (a regression, a scorecard that does not add up), 2 for input that cannot be used.
Heavy modules are imported in the commands that need them, so that ``--help`` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mu_conformance
from mu_conformance import registry
from mu_conformance.profiles import PROFILES, Profile

if TYPE_CHECKING:
    from mu_conformance.scenario import Scenario
    from mu_conformance.store import Artefact, Store
    from mu_conformance.task import ClassificationTask

__all__ = ["main", "pack"]

METHOD_ENTRY_POINTS = "mu_conformance.methods"
FORMATS = ("terminal", "markdown", "json")
_OWN_FOLDER = re.compile(r"v\d+/[0-9a-f]{2}")
_OWN_FILE = re.compile(r"[0-9a-f]{32}(\.lock|\.safetensors(\.\d+\.partial)?)")


class CommandError(Exception):
    """Input that cannot be used; the message is one line and says what to do."""


# -- list ---------------------------------------------------------------------------------------------------------


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _list_tasks() -> list[dict[str, Any]]:
    return [
        {
            "name": task.name,
            "ref": task.ref,
            "modality": task.modality,
            "architectures": list(task.architectures),
            "forget_sets": list(task.forget_sets),
            "deletion_unit": task.deletion_unit,
            "summary": task.summary,
        }
        for _, task in sorted(registry.tasks().items())
    ]


def _list_methods() -> list[dict[str, Any]]:
    import importlib.metadata

    package = "mu_conformance.methods"
    rows = [
        {"name": name, "ref": f"{package}:{name}", "summary": _first_line(found)}
        for name, found in registry.members(package).items()
    ]
    for point in importlib.metadata.entry_points(group=METHOD_ENTRY_POINTS):
        try:
            summary = _first_line(point.load())
        except Exception as error:  # somebody else's package must not take the listing down
            summary = f"cannot be loaded: {type(error).__name__}: {error}"
        rows.append({"name": point.name, "ref": point.value, "summary": summary})
    return rows


def _list_controls() -> list[dict[str, Any]]:
    package = "mu_conformance.controls"
    return [
        {
            "name": name,
            "ref": f"{package}:{name}",
            "check": found.caught_by,  # type: ignore[attr-defined]
            "summary": _first_line(found),
        }
        for name, found in registry.members(package).items()
    ]


def _list_checks() -> list[dict[str, Any]]:
    from mu_conformance.checks import catalogue

    return [
        {
            "name": check.id,
            "ref": check.ref,
            "family": check.family,
            "guarantee": str(check.guarantee),
            "summary": check.summary,
        }
        for check in catalogue().values()
    ]


def _list_profiles() -> list[dict[str, Any]]:
    return [
        {
            "name": profile.name,
            "ref": None,
            "runs": list(profile.looks),
            "references": profile.references,
            "ratio": profile.ratio,
            "summary": profile.summary,
        }
        for profile in PROFILES.values()
    ]


_LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "tasks": _list_tasks,
    "methods": _list_methods,
    "checks": _list_checks,
    "controls": _list_controls,
    "profiles": _list_profiles,
}


def _list(options: argparse.Namespace) -> int:
    kind = registry.one_of("list", options.kind, list(_LISTS))
    if options.explain is not None:
        if kind != "checks":
            raise CommandError(f"--explain goes with 'list checks', not with 'list {kind}'")
        from mu_conformance.checks import find_check

        check = find_check(options.explain)
        print(f"{check.id} ({check.ref})\n\n{check.explanation}")
        return 0
    rows = _LISTS[kind]()
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        _table(rows)
    return 0


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of the same keys; ``ref`` is left to ``--json``, being as long as the rest together."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = [column for column in rows[0] if column != "ref"]
    for column in columns:
        table.add_column(column.replace("_", " "), no_wrap=column == "name", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    width = None if sys.stdout.isatty() else 160  # rich takes a pipe for 80 columns and folds every summary
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


# -- report, compare, verify ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _well_formed(*paths: Path) -> Iterator[None]:
    """A scorecard of the right schema may still lack what a render needs: that is bad input, not a crash."""
    import jinja2

    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, jinja2.UndefinedError) as error:
        named = " or ".join(map(str, paths))
        raise CommandError(f"scorecard {named} is malformed ({type(error).__name__}: {error})") from error


def _read(path: Path) -> dict[str, Any]:
    from mu_conformance.scorecard import model

    try:
        return model.read(path)
    except model.ScorecardError as error:
        raise CommandError(str(error)) from None


def _report(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard import markdown, summary

    form = registry.one_of("format", options.format, list(FORMATS))
    scorecard = _read(options.file)
    with _well_formed(options.file):
        if form == "json":
            rendered = json.dumps(scorecard, indent=1, allow_nan=False)
        elif form == "markdown":
            rendered = markdown.render(scorecard)
        else:
            rendered = "\n".join(summary.terminal_lines(scorecard))
    print(rendered)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard import comparison

    before, after = _read(options.before), _read(options.after)
    with _well_formed(options.before, options.after):
        changed = comparison.changes(before, after)
        regressions = comparison.regressions(before, after)
        same_manifest = before["suite"]["manifest_sha256"] == after["suite"]["manifest_sha256"]
        statuses = before["verdict"]["status"], after["verdict"]["status"]
    if not same_manifest:
        print("the two scorecards answer different questions: their manifests differ")
    for check, scenario, old, new in changed:
        line = f"{check} on {scenario}: {old} before, {new} now"
        print(f"regression: {line}" if line in regressions else line)
    print(f"{len(changed)} changed, {len(regressions)} regressions; {statuses[0]} before, {statuses[1]} now")
    return 1 if regressions else 0


def _verify(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard import model

    scorecard = _read(options.file)
    with _well_formed(options.file):
        problems = model.verify(scorecard)
        verdict = scorecard["verdict"]
        adds_up = f"{verdict['status']}, {verdict['passed']} of {verdict['required']} required checks passed"
    for problem in problems:
        print(f"{options.file}: {problem}")
    if not problems:
        print(f"{options.file} adds up: {adds_up}")
    return 1 if problems else 0


# -- store ------------------------------------------------------------------------------------------------------------


def _cache(options: argparse.Namespace) -> Path:
    """The cache directory; ``CommandError`` if it is a file."""
    if options.cache is not None:
        cache = options.cache
    else:
        from mu_conformance.store import default_cache

        cache = default_cache()
    if cache.exists() and not cache.is_dir():
        raise CommandError(f"the cache directory {cache} is a file; name another with --cache")
    return cache


def _own_files(cache: Path) -> list[Path]:
    """What the store wrote below ``cache``, and nothing that a person may have put there."""
    return [
        path
        for path in sorted(cache.glob("v*/??/*"))
        if _OWN_FILE.fullmatch(path.name) and _OWN_FOLDER.fullmatch(path.parent.relative_to(cache).as_posix())
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _store_path(options: argparse.Namespace) -> int:
    print(_cache(options))
    return 0


def _description(path: Path) -> dict[str, Any] | None:
    """How an artefact was made, from its header; None if the file is damaged."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as file:
            found = json.loads((file.metadata() or {})["description"])
    except Exception:  # safetensors raises types of its own; a damaged file is a row of the table, not an error
        return None
    return found if isinstance(found, dict) else None


def _store_list(options: argparse.Namespace) -> int:
    cache = _cache(options)
    found = {path: _description(path) for path in _own_files(cache) if path.suffix == ".safetensors"}
    tasks = {path.stem: record["task"] for path, record in found.items() if record and "task" in record}
    totals: dict[str, list[int]] = {}
    for path, record in found.items():
        # The outputs name their model only; the model's own record names the task.
        task = "(damaged)" if record is None else record.get("task") or tasks.get(str(record.get("model")), "(unknown)")
        total = totals.setdefault(task, [0, 0])
        total[0] += 1
        with contextlib.suppress(OSError):
            total[1] += path.stat().st_size
    if not totals:
        print(f"{cache} holds no artefacts")
        return 0
    _table(
        [{"task": task, "artefacts": count, "size": _megabytes(size)} for task, (count, size) in sorted(totals.items())]
    )
    return 0


def _store_clear(options: argparse.Namespace) -> int:
    cache = _cache(options)
    removed = size = 0
    folders = set()
    for path in _own_files(cache):
        folders |= {path.parent, path.parent.parent}
        try:
            bytes_here = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            raise CommandError(f"{path} cannot be removed: {error.strerror}") from None
        removed, size = removed + 1, size + bytes_here
    for folder in sorted(folders, reverse=True):
        with contextlib.suppress(OSError):  # not empty: it holds something that is not ours
            folder.rmdir()
    print(f"removed {removed} files ({_megabytes(size)}) from {cache}")
    return 0


def _artefacts_of(
    task: ClassificationTask, profile: Profile, store: Store, say: Callable[[str], None]
) -> list[Artefact]:
    """Every artefact that judging a method on ``task`` takes from the store, built where it is missing."""
    from mu_conformance.evidence import Populations
    from mu_conformance.scenario import DEFAULT_SEED, scenarios

    populations = Populations(store)
    left_out = set()
    for scenario in scenarios(task, profile, DEFAULT_SEED):

        def make(what: str, count: int, get: Callable[[Scenario, int], object], scenario: Scenario = scenario) -> None:
            for number in range(count):
                built = store.built
                get(scenario, number)
                how = "built" if store.built > built else "from the cache"
                say(f"{scenario.name}: {what} {number + 1} of {count}, {how}")

        make("outputs of original", max(2, profile.looks[0]), populations.original)
        # The last look is rarely needed; its originals are trained where it is, and the pack stays half the size.
        make("weights of original", max(profile.looks[:-1], default=profile.looks[0]), populations.original_state)
        make("outputs of reference", profile.references, populations.reference)
        for number in range(profile.references):
            seed = scenario.reference_seed(number)
            left_out.add(populations.model_key(scenario, scenario.retain, seed))
    return [artefact for key, artefact in store.used.items() if key not in left_out]


def pack(
    task: ClassificationTask,
    profile: Profile,
    cache: Path,
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write ``folder/pack.safetensors`` for the default seed: all outputs, and the weights of the originals.

    No weights of references: a method is called on originals only, and the outputs of references are all that a check
    reads. What is built on the way stays in ``cache``, so a pack that was cut off goes on where it stopped. The file
    appears when it is complete. Raises ``StoreError`` or ``OSError`` if a directory cannot be used.
    """
    import torch

    from mu_conformance.store import Store, write_pack

    torch.set_num_threads(1)  # as the plugin does: more threads sum in another order
    store = Store(cache)
    store.open()
    artefacts = _artefacts_of(task, profile, store, say)
    option = "" if profile.name == "smoke" else f" --profile {profile.name}"
    path = folder / "pack.safetensors"
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_pack(partial, artefacts, f"mu-conformance store pack {task.name}{option}")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    say(f"wrote {path}: {len(artefacts)} artefacts, {_megabytes(path.stat().st_size)}")
    return path


def _store_pack(options: argparse.Namespace) -> int:
    profile = PROFILES[registry.one_of("profile", options.profile, list(PROFILES))]
    known = sorted(registry.tasks())
    chosen = registry.one_of("task", options.task, [*known, "all"])
    cache = _cache(options)
    for name in known if chosen == "all" else [chosen]:
        task = registry.find_task(name)
        own = Path(inspect.getfile(type(task))).parent
        folder = own if options.output is None else options.output / name
        try:
            pack(task, profile, cache, folder, lambda line: print(line, flush=True))
        except OSError as error:
            raise CommandError(str(error)) from None
    return 0


# -- the command line --------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mu-conformance",
        description="What the suite has, and the scorecards it wrote. To judge a method: pytest --method PKG:ATTR",
    )
    parser.add_argument("--version", action="version", version=f"mu-conformance {mu_conformance.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help=f"what there is: {', '.join(_LISTS)}")
    listing.add_argument("kind", metavar="KIND", help=", ".join(_LISTS))
    listing.add_argument("--json", action="store_true", help="a list of objects, for programs")
    listing.add_argument("--explain", metavar="ID", help="what one check asserts, why, and what a failure means")
    listing.set_defaults(run=_list)

    report = commands.add_parser("report", help="render a scorecard")
    report.add_argument("file", type=Path, metavar="FILE")
    report.add_argument("--format", default="terminal", metavar="FORMAT", help=", ".join(FORMATS))
    report.set_defaults(run=_report)

    compare = commands.add_parser("compare", help="what changed between two scorecards; exit 1 on a regression")
    compare.add_argument("before", type=Path, metavar="BEFORE")
    compare.add_argument("after", type=Path, metavar="AFTER")
    compare.set_defaults(run=_compare)

    verify = commands.add_parser("verify", help="whether a scorecard adds up; exit 1 if not")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.set_defaults(run=_verify)

    store = commands.add_parser("store", help="the artefacts that are kept between runs")
    actions = store.add_subparsers(required=True, metavar="ACTION")
    cache = argparse.ArgumentParser(add_help=False)
    cache.add_argument("--cache", type=Path, metavar="DIR", help="instead of the user's cache directory")
    for name, run, text in (
        ("path", _store_path, "where the cache is"),
        ("list", _store_list, "how much there is of each task"),
        ("clear", _store_clear, "remove every artefact from the cache"),
    ):
        actions.add_parser(name, parents=[cache], help=text).set_defaults(run=run)
    packing = actions.add_parser("pack", parents=[cache], help="write the reference pack that ships with a task")
    packing.add_argument("task", metavar="TASK", help="a task's name, or all")
    packing.add_argument("--profile", default="smoke", metavar="NAME", help=", ".join(PROFILES))
    packing.add_argument("--output", type=Path, metavar="DIR", help="write DIR/TASK/pack.safetensors instead")
    packing.set_defaults(run=_store_pack)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
        sys.stdout.flush()
    except (CommandError, registry.UnknownName) as error:
        print(f"mu-conformance: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader went away (``| head``). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
