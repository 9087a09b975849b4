"""Judge methods on fresh seeds through the command line, as a user would; resumable.

    python benchmarks/verdicts.py --method mu_conformance.methods:Retrain --seeds 20 --output results/retrain.json
    python benchmarks/verdicts.py --controls --seeds 5 --output results/controls.json

Each judgement is a ``pytest --method ... --mu-seed N`` of its own. Its scorecard is kept in the work folder, so a
stopped run goes on from what it had. The output says, per method, how many verdicts were what they should be: conformant
for a method, nonconformant with the named check among the failures for a control. Where the profile does not ask that
check on the kind of forget set that shows a control, the control is not counted. Where smoke leaves that kind out, the
standard profile judges the control on it alone.
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

from mu_conformance import registry
from mu_conformance.scorecard import document
from mu_conformance.validation.rates import clopper_pearson

FIRST_SEED = 1000


def card_path(method: str, task: str, seed: int, work: Path, profile: str = "smoke") -> Path:
    """Where the scorecard of one judgement is kept."""
    judgement = f"{task}-{seed}" if profile == "smoke" else f"{task}-{profile}-{seed}"
    return work / method.rpartition(":")[2] / judgement / "scorecard.json"


def profile_for(method: str, task: str) -> str:
    """The profile to judge by: standard where smoke has not the kind of forget set that shows a control."""
    control = registry.members("mu_conformance.controls").get(method.rpartition(":")[2])
    found = registry.find_task(task)
    kind = getattr(control, "kind", "") if ".controls:" in method else ""
    shown = not kind or kind not in found.forget_sets or kind in found.forget_sets[: found.quick_kinds]
    return "smoke" if shown else "standard"


def named_outcomes(control: Any, card: Mapping[str, Any]) -> set[str]:
    """What became of a control's check on a scorecard, on the kind of forget set that shows it; empty if not asked."""
    kind = getattr(control, "kind", "")
    return {
        entry["outcome"]
        for entry in card["checks"]
        if entry["required"]
        and entry["id"] == control.caught_by
        and entry["scenario"].partition("/")[2].startswith(kind)
    }


def judge(method: str, task: str, seed: int, work: Path) -> dict:
    """One judgement; read from the work folder if it was made before."""
    profile = profile_for(method, task)
    path = card_path(method, task, seed, work, profile)
    folder = path.parent
    if not path.exists():
        options = [
            "--mu-task",
            task,
            "--mu-profile",
            profile,
            "--mu-seed",
            str(seed),
            "--mu-cache",
            str(work / "cache"),
            "--mu-report",
            str(folder),
        ]
        if profile != "smoke":
            # the kind that shows the control, and no other: each takes originals and references of its own
            options += ["-k", registry.members("mu_conformance.controls")[method.rpartition(":")[2]].kind]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--method", method, *options],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
        )
        if not path.exists():
            raise SystemExit(f"{method} with seed {seed} wrote no scorecard:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
        (folder / "exit").write_text(str(run.returncode), encoding="utf-8")
    card = document.read(path)
    status = card["verdict"]["status"]
    print(f"{method} {task} seed {seed}: {status} {sorted(set(card['verdict']['not_passed']))}", flush=True)
    return {
        "method": method,
        "task": task,
        "seed": seed,
        "status": status,
        "exit": int((folder / "exit").read_text(encoding="utf-8")),
        "failed": sorted({e["id"] for e in card["checks"] if e["required"] and e["outcome"] in ("failed", "error")}),
        "not_passed": sorted(f"{e['id']} on {e['scenario']}: {e['outcome']}" for e in card["checks"]
                             if e["required"] and e["outcome"] != "passed")[:12],
        "separation": {power["scenario"]: power["separation"] for power in card["suite"]["power"]},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", action="append", default=[])
    parser.add_argument("--controls", action="store_true", help="every control")
    parser.add_argument("--task", default="image_classification", help="the cheapest task by default")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("mu-verdicts"))
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work = arguments.work.resolve()
    arguments.work.mkdir(parents=True, exist_ok=True)
    named = registry.members("mu_conformance.controls")
    methods = arguments.method + [f"mu_conformance.controls:{name}" for name in named if arguments.controls]
    # Seeds outermost: the first judgement of a seed trains its models, the others share them.
    jobs = [(method, seed) for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds) for method in methods]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        records = list(pool.map(lambda job: judge(job[0], arguments.task, job[1], arguments.work), jobs))
    summary = {}
    for method in methods:
        found = [record for record in records if record["method"] == method]
        control = named.get(method.rpartition(":")[2]) if ".controls:" in method else None
        if control is None:
            right = [r for r in found if r["status"] == "conformant" and r["exit"] == 0]
            wanted = "conformant"
        else:

            def of(method: str, record: dict) -> Path:
                task = record["task"]
                return card_path(method, task, record["seed"], arguments.work, profile_for(method, task))

            cards = [document.read(of(method, r)) for r in found]
            outcomes = [(r, named_outcomes(control, card)) for r, card in zip(found, cards, strict=True)]
            found = [r for r, seen in outcomes if seen]
            right = [
                r for r, seen in outcomes if r["status"] == "nonconformant" and r["exit"] == 1 and "failed" in seen
            ]
            wanted = f"nonconformant, {control.caught_by} among the failures"
        if not found:
            continue
        wrong = len(found) - len(right)
        summary[method] = {
            "wanted": wanted,
            "right": len(right),
            "of": len(found),
            "wrong_rate": {
                "estimate": round(wrong / len(found), 4),
                "interval": [round(end, 4) for end in clopper_pearson(wrong, len(found))],
                "level": 0.95,
            },
        }
    command = "python benchmarks/verdicts.py " + " ".join(sys.argv[1:])
    written = {
        "command": command,
        "task": arguments.task,
        "profile": "smoke",
        "summary": summary,
        "judgements": records,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
