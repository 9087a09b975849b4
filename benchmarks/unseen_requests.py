"""Measure how often a method passes robustness.unseen-request, each time with another secret; resumable.

    python benchmarks/unseen_requests.py tabular image_classification --output docs/validity.md
    python benchmarks/unseen_requests.py tabular --method mu_conformance.controls:DoNothing --judgements 20

Every judgement draws rows, sizes, an original and the seeds of calls anew, and calls the method in the sandbox, under
smoke. The references are those that ship. Judgements share them, so that Clopper and Pearson's intervals are too
narrow. Each judgement is saved in ``RESULTS`` as soon as it is made, with its number of runs and seconds. With
``--output`` all judgements saved are written into that page.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from kill_matrix import commits
from pages import replace, table
from verdicts import commit

from mu_conformance.checks.robustness.unseen_request import unseen_request
from mu_conformance.decision.finding import Finding
from mu_conformance.error_rates.rates import clopper_pearson
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings
from mu_conformance.store.cache import default_cache

RESULTS = Path(__file__).resolve().parent / "results" / "unseen_requests.json"
CHECK = "robustness.unseen-request"
BEGIN, END = "<!-- unseen -->", "<!-- end of unseen -->"


def judge(method: str, task: str, challenge: str, cache: Path) -> dict[str, Any]:
    """Return the outcome of the check under one challenge, and what it took."""
    session = JudgingSession(method, Settings(tasks=(task,), cache=cache, challenge=challenge))
    started = time.perf_counter()
    try:
        entry = next(entry for entry in session.entries(session.task(task)) if entry.check == CHECK)
        evidence = session.evidence(task, entry.scenario)
        finding: Finding = unseen_request(evidence)
        calls = len(evidence.unseen.runs)
    finally:
        session.close()
    found: dict[str, Any] = {"outcome": str(finding.outcome), "runs": calls}
    found["seconds"] = round(time.perf_counter() - started, 1)
    return found if finding.outcome == "passed" else {**found, "message": finding.message}


def summary(found: dict[str, dict[str, Any]]) -> str:
    """Return a table of all judgements by method and task."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, one in found.items():
        method, task, _ = name.split()
        groups.setdefault((method.rpartition(":")[2], task), []).append(one)
    rows = []
    for (method, task), own in sorted(groups.items()):
        outcomes = Counter(one["outcome"] for one in own)
        low, high = clopper_pearson(len(own) - outcomes["passed"], len(own))
        rate = f"{100 * (1 - outcomes['passed'] / len(own)):.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        counts = [str(outcomes[name]) for name in ("passed", "failed", "inconclusive")]
        runs, seconds = (f"{sum(one[name] for one in own) / len(own):.1f}" for name in ("runs", "seconds"))
        rows.append([method, task, str(len(own)), *counts, rate, runs, seconds, commits(own)])
    heading = [
        "method",
        "task",
        "judgements",
        "passed",
        "failed",
        "inconclusive",
        "not passed",
        "runs",
        "seconds",
        "at",
    ]
    return "\n".join(table(heading, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="+")
    parser.add_argument("--method", default="mu_conformance.methods:Retrain")
    parser.add_argument("--judgements", type=int, default=60)
    parser.add_argument("--output", type=Path, help="page to write the table into")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for task in arguments.task:
        for number in range(arguments.judgements):
            key = f"{arguments.method} {task} {number}"
            if key not in found:
                found[key] = {
                    **judge(arguments.method, task, f"challenge {number}", default_cache()),
                    "commit": commit(),
                }
                RESULTS.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    if arguments.output:
        replace(arguments.output, BEGIN, END, summary(found))
    print(summary(found))


if __name__ == "__main__":
    main()
