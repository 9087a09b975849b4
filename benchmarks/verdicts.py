"""Judge methods on fresh seeds through the command line, as a user would; resumable.

    python benchmarks/verdicts.py --method mu_conformance.methods:Retrain --task tabular --seeds 20
    python benchmarks/verdicts.py --controls --method mu_conformance.methods:Retrain --seeds 5
    python benchmarks/verdicts.py --method mu_conformance.methods:Retrain --seeds 20 --check robustness.few-rows

Each judgement is a ``pytest --method ... --mu-seed N`` of its own, under the smoke profile. Where this profile lacks
the forget set or audit that shows a control, another profile judges on that alone (``asked``). With ``--check`` one
check is judged alone, such as a check added after the other judgements.

Each judgement is saved in ``RESULTS`` as soon as it is made, one line each, with the commit. A stopped run resumes from
there. ``kill_matrix.py`` makes tables of the judgements. To judge everything again, delete that file and the work
folder.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from mu_conformance import discovery
from mu_conformance.checks import find_check
from mu_conformance.evidence.audit import Audit
from mu_conformance.scorecard import document
from mu_conformance.tasks import registry

FIRST_SEED = 1000
"""First of the suite's seeds."""
ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "verdicts.json"

Record = dict[str, Any]
"""Result of one judgement, as stored in ``RESULTS``."""


def read(path: Path = RESULTS) -> dict[str, Record]:
    """Return the judgements made so far, by ``key``."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def keep(record: Record, path: Path = RESULTS) -> None:
    """Save a judgement; several processes may judge at once."""
    with FileLock(path.with_suffix(".lock")):
        own = key(record["method"], record["task"], record["seed"], record.get("alone", ""))
        records = {**read(path), own: record}
        lines = (f"{json.dumps(name)}: {json.dumps(records[name], sort_keys=True)}" for name in sorted(records))
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def key(method: str, task: str, seed: int | None, alone: str = "") -> str:
    """Return the key of a judgement; ``alone`` is the check if one was judged alone, None the seed of what ships."""
    return f"{method} {task} {'shipped' if seed is None else seed} {alone}".rstrip()


def commit() -> str:
    """Return the commit that judges."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def control_of(method: str) -> Any:
    """Return the control that a method is, with its ``caught_by`` and ``kind``; None for any other method."""
    return (
        discovery.members("mu_conformance.controls").get(method.rpartition(":")[2]) if ".controls:" in method else None
    )


def asked(method: str, task: str) -> tuple[str, str]:
    """Return the profile to judge by, and the ``-k`` expression that selects a part of it (empty for all).

    The profile is smoke, unless smoke lacks what shows a control. In this case only the missing part is judged: the
    control's kind of forget set under the standard profile, or the audit under the thorough profile. Either takes
    originals and references of its own.
    """
    control, found = control_of(method), registry.find_task(task)
    if control is None:
        return "smoke", ""
    check = find_check(control.caught_by)
    if check.subject is Audit:
        return "thorough", check.id.partition(".")[2]
    showing = {control.kind} if hasattr(control, "kind") else set(check.kinds or found.forget_sets)
    others = [kind for kind in found.forget_sets if kind in showing]
    if not others or others[0] in found.forget_sets[: found.quick_kinds]:
        return "smoke", ""
    return "standard", others[0]


def named_outcomes(control: Any, card: Mapping[str, Any]) -> set[str]:
    """Return the outcomes of a control's check on a scorecard; empty if not judged.

    Only the kind of forget set that shows the control counts.
    """
    kind = getattr(control, "kind", "")
    return {
        entry["outcome"]
        for entry in card["checks"]
        if entry["required"]
        and entry["id"] == control.caught_by
        and entry["scenario"].partition("/")[2].startswith(kind)
    }


def record_of(card: Mapping[str, Any], method: str, task: str, seed: int, exit_code: int, commit: str) -> Record:
    """Return the record of a scorecard.

    ``not_passed`` has, for each check that did not pass on some scenario, its other outcomes.
    """
    required = [entry for entry in card["checks"] if entry["required"]]
    others: dict[str, set[str]] = {}
    for entry in required:
        if entry["outcome"] != "passed":
            others.setdefault(entry["id"], set()).add(entry["outcome"])
    control = control_of(method)
    return {
        "method": method,
        "task": task,
        "seed": seed,
        "profile": asked(method, task)[0],
        "commit": commit,
        "status": card["verdict"]["status"],
        "exit": exit_code,
        "required": len(required),
        "not_passed": {check: sorted(outcomes) for check, outcomes in sorted(others.items())},
        "named": None if control is None else sorted(named_outcomes(control, card)),
        "separation": min((power["separation"] for power in card["suite"].get("power", [])), default=None),
    }


def record_alone(card: Mapping[str, Any], method: str, task: str, seed: int, check: str, commit: str) -> Record:
    """Return the record of a scorecard with one check judged alone: its outcomes on the scenarios that have it."""
    found = sorted({entry["outcome"] for entry in card["checks"] if entry["required"] and entry["id"] == check})
    return {"method": method, "task": task, "seed": seed, "alone": check, "commit": commit, "outcomes": found}


def judge(method: str, task: str, seed: int, work: Path, made_by: str, alone: str = "") -> Record:
    """Make one judgement. Its scorecard stays in the work folder, where a stopped run finds it."""
    profile, keyword = ("smoke", alone.partition(".")[2]) if alone else asked(method, task)
    judgement = f"{task}-{seed}" if profile == "smoke" else f"{task}-{profile}-{seed}"
    folder = work / method.rpartition(":")[2] / (f"{judgement}-{keyword}" if alone else judgement)
    # A run of one check is a partial run, with a folder of its own.
    path, ended = (folder / "partial" if keyword else folder) / "scorecard.json", folder / "exit"
    # The file is written last, so without it the judgement was interrupted.
    if not ended.exists():
        path.unlink(missing_ok=True)
        options = ["--mu-task", task, "--mu-profile", profile, "--mu-seed", str(seed)]
        options += ["--mu-cache", str(work / "cache"), "--mu-report", str(folder)]
        if control_of(method) is not None:
            # Strict, because a control may be named for a SHOULD check, which decides only then.
            options.append("--mu-strict")
        if keyword:
            options += ["-k", keyword]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--method", method, *options],
            cwd=work,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        if not path.exists():
            raise SystemExit(f"{method} with seed {seed} wrote no scorecard:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
        ended.write_text(str(run.returncode), encoding="utf-8")
    if alone:
        return record_alone(document.read_json(path), method, task, seed, alone, made_by)
    return record_of(document.read_json(path), method, task, seed, int(ended.read_text(encoding="utf-8")), made_by)


def right(record: Record) -> bool | None:
    """Return True for a correct verdict, False for a wrong one, and None if the question was not asked.

    A method must be conformant. A control must be nonconformant, with its named check among the failures. A check
    judged alone must pass, or fail on a control that names it. A control that breaks, where the sandbox hides what it
    looks for, says nothing about the check.
    """
    if "alone" in record:
        control = control_of(record["method"])
        if not record["outcomes"] or (control is not None and control.caught_by != record["alone"]):
            return None
        outcomes = set(record["outcomes"])
        if control is None:
            return outcomes == {"passed"}
        return None if outcomes == {"broken"} else "failed" in outcomes
    if record["named"] is None:
        return record["status"] == "conformant" and record["exit"] == 0
    if not record["named"]:
        return None
    return record["status"] == "nonconformant" and record["exit"] == 1 and "failed" in record["named"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", action="append", default=[])
    parser.add_argument("--controls", action="store_true", help="every control")
    parser.add_argument("--task", action="append", default=[], help="default: image_classification")
    parser.add_argument("--check", default="", help="judge by this check alone; default: all that the profile asks")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("mu-verdicts"))
    arguments = parser.parse_args()
    if arguments.check:
        find_check(arguments.check)
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    named = discovery.members("mu_conformance.controls") if arguments.controls else {}
    methods = [*arguments.method, *(f"mu_conformance.controls:{name}" for name in named)]
    # Seeds come before methods, because the first judgement of a seed trains its models and the others share them.
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    wanted = [(m, t, s) for t in arguments.task or ["image_classification"] for s in seeds for m in methods]
    made, made_by = read(), commit()

    def one(job: tuple[str, str, int]) -> None:
        record = judge(*job, work, made_by, arguments.check)
        keep(record)
        word = {True: "right", False: "WRONG", None: "not asked"}[right(record)]
        what = ", ".join(record["outcomes"]) if arguments.check else record["status"]
        print(f"{key(*job)}: {word}, {what}, {len(record.get('not_passed', ()))} checks not passed", flush=True)

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(one, [job for job in wanted if key(*job, arguments.check) not in made]))


if __name__ == "__main__":
    main()
