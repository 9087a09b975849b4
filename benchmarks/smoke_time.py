"""Measure where the wall time of a second smoke run goes; the first run stores everything that can be stored.

python benchmarks/smoke_time.py [METHOD] [pytest options ...]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    method, *options = sys.argv[1:] or ["mu_conformance.methods:FineTune"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(2):
            started = time.perf_counter()
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--method", method, *options]
            subprocess.run(command, cwd=folder, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
            total = time.perf_counter() - started
        card = json.loads((folder / "mu-report" / "scorecard.json").read_text(encoding="utf-8"))
    spent = card["invocation"]["seconds"]
    contract = sum(e["duration_s"] for e in card["checks"] if e["scenario"].endswith("/contract"))
    rest = total - spent["method"] - spent["evaluation"] - contract
    print(f"{method}: {card['verdict']['status']}, {total:.1f} s in all")
    print(f"  runs of the method {spent['method']:.1f} s")
    print(f"  evaluation of the runs {spent['evaluation']:.1f} s")
    print(f"  contract checks {contract:.1f} s")
    print(f"  everything else (start-up, collection, reading artefacts, deciding) {rest:.1f} s")
    overhead = (spent["calls_wall"] - spent["calls_method"]) / spent["calls"]
    print(f"  isolation: {1000 * overhead:.0f} ms a call beyond the method's own time, {spent['calls']:.0f} calls")


if __name__ == "__main__":
    main()
