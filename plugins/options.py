"""From pytest's options and ini keys to ``Settings``. Every bad value is a usage error that names the choices."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from mu_conformance.plugins.entry import INI

from mu_conformance import discovery as registry
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.judging.session import Settings
from mu_conformance.scenarios.forget_sets import ForgetSetError, check_ratio
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.store.cache import default_cache

__all__ = ["Options", "read_options"]


@dataclasses.dataclass(frozen=True)
class Options:
    """Everything that the user chose."""

    methods: tuple[str, ...]
    settings: Settings
    report: Path
    waivers: tuple[Path, ...]
    baseline: Path | None


def _value(config: Any, name: str) -> str:
    """The option, else the ini key, else an empty string."""
    given = config.getoption(name)
    if given in (None, [], "") and name in INI:
        return str(config.getini(name) or "")
    return "" if given is None else str(given)


def _values(config: Any, name: str) -> list[str]:
    return list(config.getoption(name)) or str(config.getini(name) or "").split()


def _number(config: Any, name: str, kind: type, low: float) -> Any:
    text = _value(config, name)
    if not text:
        return None
    option = "--" + name.replace("_", "-")
    try:
        number = kind(text)
    except ValueError:
        raise pytest.UsageError(f"{option} takes a number, got {text!r}") from None
    if not low <= number < float("inf"):
        raise pytest.UsageError(f"{option} must be at least {low:g}, got {text}")
    return number


def _choose(kind: str, name: str, known: list[str]) -> str:
    try:
        return registry.one_of(kind, name, known)
    except registry.UnknownName as error:
        raise pytest.UsageError(str(error)) from None


def _check_ini(config: Any) -> None:
    written = getattr(config, "_inicfg", None) or {}
    unknown = [key for key in written if key.startswith("mu_") and key not in INI]
    if unknown:
        raise pytest.UsageError(f"unknown ini key {unknown[0]!r}; the keys are: {', '.join(INI)}")


def _conditions(config: Any) -> Conditions:
    """Read one at a time, so that the error names the option."""
    given = {name: _value(config, f"mu_{name}") for name in ("peft", "curriculum", "budget", "shards")}
    for name, text in given.items():
        try:
            Conditions.parse(**{name: text})
        except ValueError as error:
            raise pytest.UsageError(f"--mu-{name} {text}: {error}") from None
    if given["peft"] and importlib.util.find_spec("peft") is None:
        raise pytest.UsageError("--mu-peft needs the package peft: pip install 'mu-conformance[peft]'")
    return Conditions.parse(**given)


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(1, device=torch.device(device))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise pytest.UsageError(f"--mu-device {device} cannot be used here: {reason}") from None


def read_options(config: Any) -> Options:
    """Read and check every option; raises ``pytest.UsageError`` (exit status 4) with a one-line message."""
    _check_ini(config)
    profile = PROFILES[_choose("profile", _value(config, "mu_profile") or "smoke", list(PROFILES))]
    data = _choose("kind of data", _value(config, "mu_data") or "embedded", list(registry.DATA))
    kind = "task" if data == "embedded" else "task on published data"
    names = [_choose(kind, name, registry.task_names(data)) for name in _values(config, "mu_task")]
    if data == "hub":
        names = names or registry.hub_tasks()
    runs = _number(config, "mu_runs", int, 1)
    references = _number(config, "mu_references", int, 3)
    if runs is not None:
        profile = dataclasses.replace(profile, looks=(runs,))
    if references is not None:
        profile = dataclasses.replace(profile, references=references)
    ratio = _number(config, "mu_ratio", float, 0)
    if ratio is not None:
        try:
            profile = dataclasses.replace(profile, ratio=check_ratio(ratio))
        except ForgetSetError as error:
            raise pytest.UsageError(f"--mu-ratio: {error}") from None
    architecture = _value(config, "mu_model") or None
    # Suites in files that the user names may be of tasks that nobody registered: those are checked when collected.
    if architecture is not None and (names or config.args_source is not config.ArgsSource.ARGS):
        offered = {name: registry.find_task(name, data).architectures for name in names or registry.task_names(data)}
        _choose("model", architecture, sorted({a for architectures in offered.values() for a in architectures}))
        without = [name for name, architectures in offered.items() if architecture not in architectures]
        if without:
            raise pytest.UsageError(
                f"--mu-model {architecture} is not an architecture of task {without[0]}, which has "
                f"{', '.join(offered[without[0]])}; narrow the run with --mu-task"
            )
    device = _value(config, "mu_device") or "cpu"
    if device != "cpu":
        _check_device(device)
    in_process = bool(config.getoption("mu_in_process"))
    if in_process and profile.name == "certify":
        raise pytest.UsageError("--mu-in-process: the certify profile runs the method isolated only")
    here = Path(config.invocation_params.dir)
    report = here / (_value(config, "mu_report") or "mu-report")
    if report.exists() and not report.is_dir():
        raise pytest.UsageError(f"--mu-report {report} exists and is a file; name a directory")
    cache = here / _value(config, "mu_cache") if _value(config, "mu_cache") else default_cache()
    if cache.exists() and not cache.is_dir():
        raise pytest.UsageError(f"--mu-cache {cache} exists and is a file; name a directory")
    baseline = here / _value(config, "mu_baseline") if _value(config, "mu_baseline") else None
    settings = Settings(
        profile=profile,
        tasks=tuple(dict.fromkeys(names)),
        architecture=architecture,
        seed=_number(config, "mu_seed", int, 0),
        cache=cache,
        device=device,
        time_limit=_number(config, "mu_time_limit", float, 0.1),
        in_process=in_process,
        data=data,
        conditions=_conditions(config),
    )
    waivers = tuple(here / name for name in _values(config, "mu_waivers"))
    return Options(tuple(dict.fromkeys(config.getoption("mu_method"))), settings, report, waivers, baseline)
