"""The settings of a judgement, and what they make a scorecard say."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.isolation.sandbox import CHOICES, Sandbox, SandboxError, choose_sandbox, device_nodes
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.recipe import Overrides
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scenarios.scenario import DEFAULT_SEED
from mu_conformance.scorecard.building import environment
from mu_conformance.scorecard.record import Context
from mu_conformance.scorecard.waivers import Waiver
from mu_conformance.store.cache import default_cache

__all__ = ["Settings", "SettingsError", "check_architecture", "check_challenge", "check_device", "sandbox_for"]


SHORTEST = 8
"""Smallest number of characters of a challenge."""


class SettingsError(ValueError):
    """Settings that cannot be used; the message is one line and names the choices."""


def check_device(device: str) -> None:
    """Raise ``SettingsError`` if torch cannot use a device here."""
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"{device} cannot be used here: {str(error).strip().splitlines()[0]}") from None


def check_challenge(challenge: Any) -> None:
    """Raise ``SettingsError`` unless a challenge is None or a text of at least ``SHORTEST`` characters."""
    if challenge is not None and not (isinstance(challenge, str) and len(challenge.strip()) >= SHORTEST):
        raise SettingsError(
            f"a challenge is a text of {SHORTEST} characters or more that nobody could guess, got {challenge!r}"
        )


def check_architecture(architecture: str, offered: Mapping[str, Sequence[str]]) -> None:
    """Raise ``UnknownName`` or ``SettingsError`` unless each task offers it; ``offered``: architectures by task."""
    discovery.one_of("model", architecture, sorted({one for several in offered.values() for one in several}))
    without = [name for name, several in offered.items() if architecture not in several]
    if without:
        raise SettingsError(
            f"{architecture} is not an architecture of task {without[0]}, which has {', '.join(offered[without[0]])}; "
            "judge fewer tasks"
        )


def sandbox_for(choice: str, profile: Profile) -> Sandbox | None:
    """Return the sandbox for a choice (``isolation.sandbox.CHOICES``); the profile ``thorough`` requires one.

    Raises ``UnknownName``, or ``SettingsError`` with the sentence that says why none can be had.
    """
    choice = discovery.one_of("kind of sandbox", choice, list(CHOICES))
    if profile.name == "thorough":
        if choice == "off":
            raise SettingsError("the thorough profile runs the method in a sandbox only")
        choice = "require"
    try:
        return choose_sandbox(choice)
    except SandboxError as error:
        raise SettingsError(str(error)) from None


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to judge."""

    profile: Profile = PROFILES["smoke"]
    tasks: tuple[str, ...] = ()
    """Only these tasks; empty: all that are registered."""
    architecture: str | None = None
    """Another of the tasks' architectures; None: each task's first."""
    seed: int | None = None
    """None: the shipped models; a number: fresh models and forget sets from that seed."""
    cache: Path = dataclasses.field(default_factory=default_cache)
    """The store's writable folder."""
    device: str = "cpu"
    time_limit: float | None = None
    """Wall seconds for each call of the method; None: ten times what retraining takes, at least 60."""
    in_process: bool = False
    """Run the method in this process, for debugging."""
    sandbox: Sandbox | None = dataclasses.field(default_factory=lambda: choose_sandbox("auto"))
    """Sandbox in which the method runs; None: none."""
    data: str = "embedded"
    """``embedded`` or ``hub``."""
    conditions: Conditions = dataclasses.field(default_factory=Conditions)
    strict: bool = False
    """SHOULD checks are required too."""

    recipe: Overrides = ()
    """Fields in which references are trained otherwise than originals; empty: the method's own ``recipe``, if any."""
    challenge: str | None = None
    """What the auditor draws the unforeseen requests from; None: the operating system's random numbers."""
    drawn: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16), repr=False)
    """Random text of this run, unless there is a challenge. The processes of a run share it."""

    @property
    def secret(self) -> str:
        """Return what secret requests and the seeds of calls are derived from; told when the run is over."""
        return self.drawn if self.challenge is None else self.challenge

    @property
    def suite_seed(self) -> int:
        return DEFAULT_SEED if self.seed is None else self.seed

    @property
    def sandbox_name(self) -> str:
        """What a scorecard says of the sandbox."""
        if self.sandbox is None or self.in_process:
            return "none"
        nodes = device_nodes(self.device)
        return f"{self.sandbox}, with {', '.join(nodes)} let through" if nodes else str(self.sandbox)

    def to_json(self) -> dict[str, Any]:
        """Return what changes a finding, as plain data: not the cache."""
        record = dataclasses.asdict(dataclasses.replace(self, cache=Path()))
        del record["cache"], record["drawn"]
        # Where the program lies and its version change no finding.
        record["sandbox"] = self.sandbox is not None and not self.in_process
        record["profile"]["looks"] = list(self.profile.looks)
        # A journal may be read before the run is over.
        challenge = None if self.challenge is None else hashlib.sha256(self.challenge.encode()).hexdigest()
        return {**record, "tasks": list(self.tasks), "recipe": dict(self.recipe), "challenge": challenge}

    @property
    def options(self) -> str:
        """The command line's options that change what is judged, as they stand in a line that judges it again."""
        options = ""
        if self.seed is not None:
            options += f" --mu-seed {self.seed}"
        if self.data != "embedded":
            options += f" --mu-data {self.data}"
        if self.architecture is not None:
            options += f" --mu-model {self.architecture}"
        if self.profile.name != "smoke":
            options += f" --mu-profile {self.profile.name}"
        named = PROFILES.get(self.profile.name, self.profile)
        if self.profile.ratio != named.ratio:
            options += f" --mu-ratio {self.profile.ratio:g}"
        if self.recipe:
            options += f" --mu-recipe {','.join(f'{name}={value}' for name, value in self.recipe)}"
        if self.strict:
            options += " --mu-strict"
        return options + self.conditions.options

    def context(
        self,
        ref: str,
        description: Mapping[str, Any],
        claims: Claims,
        invocation: Mapping[str, Any],
        *,
        waivers: Iterable[Waiver] = (),
        paths: str = "",
    ) -> Context:
        """Return what a scorecard of a method under these settings says besides its findings.

        Args:
            ref: the method's reference.
            description: what the method's process said of it (``adapters.describing``).
            claims: what it claims.
            invocation: arguments, plugins and conftests of the run.
            waivers: known failures.
            paths: the suites, where they are not the packaged ones.
        """
        return Context(
            method={"ref": ref, **{key: description[key] for key in ("distribution", "version", "source_sha256")}},
            claims=claims,
            profile=self.profile,
            suite={
                "seed": self.seed,
                "data": self.data,
                "isolated": not self.in_process,
                "sandbox": self.sandbox_name,
                **({"recipe": recipe} if (recipe := dict(self.recipe) or description.get("recipe")) else {}),
            },
            environment=environment(self.device),
            invocation=invocation,
            strict=self.strict,
            studied=self.data == "embedded"
            and self.architecture is None
            and self.conditions == Conditions()
            and not (self.recipe or description.get("recipe")),
            reproduce_options=self.options,
            paths=paths,
            waivers=tuple(waiver.to_json() for waiver in waivers),
        )
