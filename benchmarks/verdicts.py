"""Judge methods on fresh seeds through the command line, as a user would; resumable.

    python benchmarks/verdicts.py --method mu_conformance.methods:Retrain --seeds 20 --output results/retrain.json
    python benchmarks/verdicts.py --controls --seeds 5 --output results/controls.json

Each judgement is a ``pytest --method ... --mu-seed N`` of its own. Its scorecard is kept in the work folder, so a
stopped run goes on from what it had. The output says, per method, how many verdicts were what they should be: conformant
for a method, nonconformant with the named check among the failures for a control. Where the profile does not ask that
check on the kind of forget set that shows a control, the control is not counted.
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

from scipy.stats import beta

from mu_conformance import registry
from mu_conformance.scorecard import document

FIRST_SEED = 1000


def clopper_pearson(events: int, trials: int, level: float = 0.95) -> list[float]:
    """The exact interval of a rate (Clopper & Pearson 1934)."""
    tail = (1 - level) / 2
    low = beta.ppf(tail, events, trials - events + 1) if events else 0.0
    high = beta.ppf(1 - tail, events + 1, trials - events) if events < trials else 1.0
    return [round(float(low), 4), round(float(high), 4)]


def card_path(method: str, task: str, seed: int, work: Path) -> Path:
    """Where the scorecard of one judgement is kept."""
    return work / method.rpartition(":")[2] / f"{task}-{seed}" / "scorecard.json"


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
    path = card_path(method, task, seed, work)
    folder = path.parent
    if not path.exists():
        options = [
            "--mu-task",
            task,
            "--mu-seed",
            str(seed),
            "--mu-cache",
            str(work / "cache"),
            "--mu-report",
            str(folder),
        ]
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
            cards = [document.read(card_path(method, r["task"], r["seed"], arguments.work)) for r in found]
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
                "interval": clopper_pearson(wrong, len(found)),
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
