"""Judge every control by the check that it names, on fresh seeds, through the library; resumable.

    python benchmarks/controls.py --seeds 5
    python benchmarks/controls.py --shipped --share 4 --task tabular --task sentiment --task biography

Each control is judged with the profile and kind of forget set that shows it (``verdicts.asked``), in the sandbox, on
originals, references and forget sets of a fresh seed, or with ``--shipped`` on those that ship. The judgement is saved
in ``verdicts.RESULTS`` as soon as it is made. With ``--share N`` each task gets every N-th control, another N-th for
each task.

A control that breaks because the sandbox hides what it looks for is counted as such, and not as found.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import sys
from pathlib import Path
from typing import Any

import verdicts

from mu_conformance import discovery
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.isolation import launch
from mu_conformance.isolation.client import MethodProcess
from mu_conformance.isolation.sandbox import choose_sandbox
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings
from mu_conformance.scenarios.profiles import PROFILES

CONTROLS = "mu_conformance.controls"
_servers: list[MethodProcess] = []


def start() -> None:
    """Start one process that imports torch, from which the calls of all controls are forked."""
    import torch

    torch.set_num_threads(1)
    server = MethodProcess(
        "mu_conformance.methods:Retrain", sys_path=launch.search_path(), sandbox=choose_sandbox("auto")
    )
    shared = server.share([])
    if shared is not None:
        launch.use_shared(*shared)
    _servers.append(server)


def judge(name: str, task: str, seed: int | None, cache: Path, commit: str) -> dict[str, Any]:
    """Return the record of one control on one seed: the outcomes of its named check, up to the first failure."""
    method, control = f"{CONTROLS}:{name}", discovery.member(CONTROLS, name)
    profile, _ = verdicts.asked(method, task)
    settings = Settings(profile=PROFILES[profile], tasks=(task,), seed=seed, cache=cache, strict=True)
    session = JudgingSession(method, settings)
    try:
        kind = getattr(control, "kind", "")
        outcomes: set[str] = set()
        for entry in session.entries(session.task(task)):
            if "failed" in outcomes:
                break
            if entry.check == control.caught_by and entry.scenario.partition("/")[2].startswith(kind):
                found = session.finding(entry)
                broken = found.outcome is Outcome.ERROR and found.fault is Fault.METHOD
                outcomes.add("broken" if broken else str(found.outcome))
    finally:
        session.close()
    return {
        "method": method,
        "task": task,
        "seed": seed,
        "alone": control.caught_by,
        "commit": commit,
        "outcomes": sorted(outcomes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", default=[], help="default: image_classification")
    parser.add_argument("--control", action="append", default=[], help="default: every one")
    parser.add_argument("--share", type=int, default=1, help="every so many-th control")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shipped", action="store_true", help="on the models that ship instead of fresh ones")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("mu-verdicts"))
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    names = arguments.control or discovery.member_names(CONTROLS)
    made, commit = verdicts.read(), verdicts.commit()
    wanted: list[tuple[str, str, int | None]] = []
    # Seeds come first, because the first judgement of a seed trains its models and the others share them.
    seeds = range(verdicts.FIRST_SEED, verdicts.FIRST_SEED + arguments.seeds)
    for seed in [None] if arguments.shipped else seeds:
        for place, task in enumerate(arguments.task or ["image_classification"]):
            for name in names[place % arguments.share :: arguments.share]:
                control = discovery.member(CONTROLS, name)
                if verdicts.key(f"{CONTROLS}:{name}", task, seed, control.caught_by) not in made:
                    wanted.append((name, task, seed))
    cache = arguments.work.resolve() / "cache"
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, initializer=start) as pool:
        futures = {pool.submit(judge, *job, cache, commit): job for job in wanted}
        for future in concurrent.futures.as_completed(futures):
            try:
                record = future.result()
            except Exception as error:
                print(*futures[future], f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            verdicts.keep(record)
            word = {True: "right", False: "WRONG", None: "not asked"}[verdicts.right(record)]
            print(*futures[future], record["alone"], word, ", ".join(record["outcomes"]), flush=True)


if __name__ == "__main__":
    main()
