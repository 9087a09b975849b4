"""From pytest's options and ini keys to ``Settings``. Every bad value is a usage error that names the choices."""

from __future__ import annotations

import dataclasses
import importlib.util
import warnings
from pathlib import Path
from typing import Any

import pytest

from mu_conformance import discovery
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.judging.settings import (
    Settings,
    SettingsError,
    check_architecture,
    check_challenge,
    check_device,
    sandbox_for,
)
from mu_conformance.protocol.recipe import Overrides, overrides
from mu_conformance.scenarios.forget_sets import ForgetSetError
from mu_conformance.scenarios.profiles import Profile, find_profile, varied
from mu_conformance.store.cache import default_cache
from mu_conformance.tasks import registry

from .ini import INI

__all__ = ["Options", "read_options"]


@dataclasses.dataclass(frozen=True)
class Options:
    """Everything that the user chose."""

    methods: tuple[str, ...]
    settings: Settings
    report: Path
    waivers: tuple[Path, ...]
    baseline: Path | None
    resume: bool
    """Continue from the journal of a stopped run."""


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
        return discovery.one_of(kind, name, known)
    except discovery.UnknownName as error:
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


def _profile(config: Any) -> Profile:
    """Read the profile; a former name of one warns once, in the controller."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            profile = find_profile(_value(config, "mu_profile") or "smoke")
    except discovery.UnknownName as error:
        raise pytest.UsageError(str(error)) from None
    if not hasattr(config, "workerinput"):
        for warning in caught:
            config.issue_config_time_warning(warning.message, stacklevel=2)
    return profile


def _flag(config: Any, name: str) -> bool:
    """Read an option without a value, or its ini key: true or false."""
    if config.getoption(name):
        return True
    text = str(config.getini(name) or "false").lower()
    if text not in ("true", "false"):
        raise pytest.UsageError(f"the ini key {name} is true or false, got {text!r}")
    return text == "true"


def _recipe(config: Any) -> Overrides:
    text = _value(config, "mu_recipe")
    try:
        return overrides(text) if text else ()
    except ValueError as error:
        raise pytest.UsageError(f"--mu-recipe {text}: {error}") from None


def _drawn(config: Any) -> dict[str, str]:
    """Return what the controller drew, in a worker."""
    drawn = getattr(config, "workerinput", {}).get("mu_drawn")
    return {} if drawn is None else {"drawn": drawn}


def read_options(config: Any) -> Options:
    """Read and check every option; raises ``pytest.UsageError`` (exit status 4) with a one-line message."""
    _check_ini(config)
    profile = _profile(config)
    data = _choose("kind of data", _value(config, "mu_data") or "embedded", list(registry.DATA))
    kind = "task" if data == "embedded" else "task on published data"
    names = [_choose(kind, name, registry.task_names(data)) for name in _values(config, "mu_task")]
    if data == "hub":
        names = names or registry.hub_tasks()
    runs = _number(config, "mu_runs", int, 1)
    references = _number(config, "mu_references", int, 3)
    try:
        ratio = _number(config, "mu_ratio", float, 0)
        profile = varied(profile, runs=runs, references=references, ratio=ratio)
    except ForgetSetError as error:
        raise pytest.UsageError(f"--mu-ratio: {error}") from None
    architecture = _value(config, "mu_model") or None
    # Suites in files that the user names may be of tasks that nobody registered: those are checked when collected.
    if architecture is not None and (names or config.args_source is not config.ArgsSource.ARGS):
        offered = {name: registry.find_task(name, data).architectures for name in names or registry.task_names(data)}
        try:
            check_architecture(architecture, offered)
        except (discovery.UnknownName, SettingsError) as error:
            raise pytest.UsageError(f"--mu-model: {error}") from None
    device = _value(config, "mu_device") or "cpu"
    try:
        check_device(device)
    except SettingsError as error:
        raise pytest.UsageError(f"--mu-device {error}") from None
    in_process = bool(config.getoption("mu_in_process"))
    if in_process and profile.name == "thorough":
        raise pytest.UsageError("--mu-in-process: the thorough profile runs the method isolated only")
    try:
        # In one process there is nothing to shut in. A shared fork server is in the controller's sandbox.
        sandbox = sandbox_for("off" if in_process else _value(config, "mu_sandbox") or "auto", profile)
    except (discovery.UnknownName, SettingsError) as error:
        raise pytest.UsageError(f"--mu-sandbox: {error}") from None
    here = Path(config.invocation_params.dir)
    report = here / (_value(config, "mu_report") or "mu-report")
    if report.exists() and not report.is_dir():
        raise pytest.UsageError(f"--mu-report {report} exists and is a file; name a directory")
    cache = here / _value(config, "mu_cache") if _value(config, "mu_cache") else default_cache()
    if cache.exists() and not cache.is_dir():
        raise pytest.UsageError(f"--mu-cache {cache} exists and is a file; name a directory")
    baseline = here / _value(config, "mu_baseline") if _value(config, "mu_baseline") else None
    challenge = _value(config, "mu_challenge") or None
    try:
        check_challenge(challenge)
    except SettingsError as error:
        raise pytest.UsageError(f"--mu-challenge: {error}") from None
    settings = Settings(
        profile=profile,
        tasks=tuple(dict.fromkeys(names)),
        architecture=architecture,
        seed=_number(config, "mu_seed", int, 0),
        cache=cache,
        device=device,
        time_limit=_number(config, "mu_time_limit", float, 0.1),
        in_process=in_process,
        sandbox=sandbox,
        data=data,
        conditions=_conditions(config),
        strict=_flag(config, "mu_strict"),
        recipe=_recipe(config),
        challenge=challenge,
        **_drawn(config),
    )
    waivers = tuple(here / name for name in _values(config, "mu_waivers"))
    methods = tuple(dict.fromkeys(config.getoption("mu_method")))
    return Options(methods, settings, report, waivers, baseline, bool(config.getoption("mu_resume")))
