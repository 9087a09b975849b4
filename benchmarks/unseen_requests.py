"""Measure how often a method passes robustness.unseen-request, each time with another secret; resumable.

    python benchmarks/unseen_requests.py tabular image_classification --judgements 60
    python benchmarks/unseen_requests.py tabular --method mu_conformance.controls:DoNothing --judgements 20

Every judgement draws rows, sizes, an original and the seeds of calls anew, and calls the method in the sandbox, under
smoke. The references are those that ship. Judgements share them, so that Clopper and Pearson's intervals are too
narrow. Each judgement is saved in ``RESULTS`` as soon as it is made, with its challenge, number of runs and seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from verdicts import commit

from mu_conformance.checks.robustness.unseen_request import unseen_request
from mu_conformance.decision.finding import Finding
from mu_conformance.error_rates.rates import clopper_pearson
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings
from mu_conformance.store.cache import default_cache

RESULTS = Path(__file__).resolve().parent / "results" / "unseen_requests.json"
CHECK = "robustness.unseen-request"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="+")
    parser.add_argument("--method", default="mu_conformance.methods:Retrain")
    parser.add_argument("--judgements", type=int, default=60)
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
        own = [one for key, one in found.items() if key.startswith(f"{arguments.method} {task} ")]
        outcomes = Counter(one["outcome"] for one in own)
        low, high = clopper_pearson(len(own) - outcomes["passed"], len(own))
        print(
            f"{arguments.method.rpartition(':')[2]} on {task}: {dict(outcomes)}, not passed {100 * low:.1f} to "
            f"{100 * high:.1f} %, {sum(one['seconds'] for one in own) / len(own):.1f} s each",
            flush=True,
        )


if __name__ == "__main__":
    main()
