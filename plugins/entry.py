"""Registers the options wherever mu-conformance is installed. The rest is imported when ``--method`` is given."""

from __future__ import annotations

from typing import Any

import pytest

from .ini import INI


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mu-conformance", "conformance of machine unlearning (mu-conformance)")
    add = group.addoption
    add(
        "--method",
        action="append",
        default=[],
        metavar="PKG:ATTR",
        dest="mu_method",
        help="the unlearning method to test; with no path given, the packaged suites run (repeatable)",
    )
    add("--mu-profile", metavar="NAME", help="smoke (default), standard or thorough")
    add("--mu-task", action="append", default=[], metavar="NAME", help="only this task (repeatable)")
    add("--mu-model", metavar="NAME", help="another of the task's architectures")
    add("--mu-runs", metavar="N", help="runs of the method per scenario, instead of the profile's")
    add("--mu-references", metavar="K", help="references per scenario, instead of the profile's")
    add("--mu-ratio", metavar="R", help="share of the training rows to forget, in (0, 0.5] (default: 0.1)")
    add("--mu-report", metavar="DIR", help="where the scorecard and its renders go (default: mu-report)")
    add("--mu-waivers", action="append", default=[], metavar="FILE", help="TOML file of known failures (repeatable)")
    add("--mu-baseline", metavar="FILE", help="fail on regression against this earlier scorecard")
    add("--mu-cache", metavar="DIR", help="where artefacts are kept (default: the user's cache directory)")
    add("--mu-seed", metavar="N", help="fresh originals, references and forget sets; nothing precomputed is used")
    add("--mu-data", metavar="KIND", help="embedded (default) or hub")
    add("--mu-device", metavar="DEVICE", help="torch device that the method runs on (default: cpu)")
    add("--mu-budget", metavar="SHARE", help="stop each call of the method at this share of retraining's FLOPs")
    add("--mu-peft", metavar="lora:R", help="models with frozen weights and LoRA adapters of rank R")
    add("--mu-shards", metavar="S", help="models are ensembles of S members, each trained on its own shard")
    add("--mu-curriculum", metavar="KIND", help="superloss: training weighs rows by how hard they are")
    add(
        "--mu-time-limit", metavar="SECONDS", help="for each call of the method (default: 10 x retraining, at least 60)"
    )
    add("--mu-strict", action="store_true", help="checks of level SHOULD decide too, instead of recommending")
    add("--mu-recipe", metavar="NAME=VALUE,...", help="how references are trained, where another recipe is as good")
    add("--mu-challenge", metavar="NONCE", help="an auditor's text that unforeseen requests are drawn from")
    add("--mu-resume", action="store_true", help="continue a stopped run from the journal in the report folder")
    add("--mu-sandbox", metavar="KIND", help="auto (default: where one works), require or off")
    add("--mu-in-process", action="store_true", help="run the method in this process, for debugging")
    for name, help_text in INI.items():
        parser.addini(name, help_text, default="")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "mu_check(id): the mu-conformance check that a test runs")
    if config.getoption("mu_method"):
        from mu_conformance.isolation.launch import launch_early, use_shared

        from .influences import keep_out
        from .progress import Display

        display = Display(config)
        # Called whatever goes wrong from here on, before pytest says what it was.
        config.add_cleanup(display.close)
        # The method and the user's suites are imported from where pytest was started; nothing there may judge.
        keep_out(str(config.invocation_params.dir))
        shared = getattr(config, "workerinput", {}).get("mu_fork_server")
        if shared:
            use_shared(*shared)
        elif not config.getoption("mu_in_process"):
            launch_early(len(config.getoption("mu_method")), _early_box(config))
        from . import session

        session.start(config, display)


def _early_box(config: Any) -> Any:
    """Return the sandbox of the servers that start before the options are read; None for none, or for a bad option."""
    from mu_conformance.isolation.launch import search_path
    from mu_conformance.isolation.sandbox import CHOICES, Box, SandboxError, choose_sandbox

    choice = str(config.getoption("mu_sandbox") or config.getini("mu_sandbox") or "auto")
    device = str(config.getoption("mu_device") or "cpu")
    try:
        sandbox = choose_sandbox(choice) if choice in CHOICES else None
    except SandboxError:
        return None
    return None if sandbox is None else Box.of(sandbox, search_path(), device)


def pytest_unconfigure(config: Any) -> None:
    if config.getoption("mu_method"):
        from mu_conformance.isolation.launch import dismiss_early

        dismiss_early()
