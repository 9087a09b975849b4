"""What the suite hands to a child process and what it gets back: a folder with JSON and safetensors, no pickle."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from mu_conformance.conditions.conditions import Conditions
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget
from mu_conformance.tasks import Rows

__all__ = ["CallFolder", "CallResult", "CallSpec"]


@dataclasses.dataclass(frozen=True)
class CallSpec:
    """One call of a method: everything that the child needs, and nothing else.

    ``ambient_seed`` sets the global random state that the method finds, which must not matter. ``frozen`` names the
    parameters that do not require gradients.
    """

    task_ref: str
    architecture: str
    recipe: TrainingRecipe
    state: dict[str, torch.Tensor]
    forget: Rows
    retain: Rows | None
    seed: int
    ambient_seed: int = 0
    device: str = "cpu"
    budget: Budget = dataclasses.field(default_factory=Budget)
    frozen: tuple[str, ...] = ()
    conditions: Conditions = dataclasses.field(default_factory=Conditions)

    def header(self) -> dict[str, Any]:
        return {
            "task_ref": self.task_ref,
            "architecture": self.architecture,
            "recipe": dataclasses.asdict(self.recipe),
            "seed": self.seed,
            "ambient_seed": self.ambient_seed,
            "device": self.device,
            "budget": dataclasses.asdict(self.budget),
            "frozen": list(self.frozen),
            "conditions": dataclasses.asdict(self.conditions),
        }


@dataclasses.dataclass(frozen=True)
class CallResult:
    """What came of one call.

    ``status``: ``returned`` (weights came back), ``unusable`` (it returned something that has no such weights),
    ``raised`` (an exception), ``escaped`` (it ended its process, or raised something that is not an ``Exception``),
    ``killed`` (by a signal), ``timeout``, ``over_budget`` (stopped at its budget of FLOPs). ``state`` is the returned
    state dict, ``probe`` the returned object's own outputs on forget and retain rows. Seconds and MiB are the operating
    system's, for the whole child.
    """

    status: str
    message: str = ""
    state: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    probe: torch.Tensor | None = None
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    output_tail: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    method_s: float = 0.0
    peak_mib: float = 0.0
    orphans: int = 0

    @property
    def returned(self) -> bool:
        return self.status == "returned"

    @property
    def crashed(self) -> bool:
        """Nothing can be measured, and the method did not say so by breaking the protocol."""
        return self.status in ("raised", "killed", "timeout", "over_budget")


class CallFolder:
    """The files of one call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scratch = path / "scratch"
        self.result = path / "result.json"
        self.weights = path / "weights.safetensors"
        self.probe = path / "probe.safetensors"

    def write(self, spec: CallSpec, common: dict[str, Any]) -> None:
        self.scratch.mkdir(parents=True)
        save_file({name: t.contiguous().clone() for name, t in spec.state.items()}, self.path / "model.safetensors")
        save_file(spec.forget.columns, self.path / "forget.safetensors")
        if spec.retain is not None:
            save_file(spec.retain.columns, self.path / "retain.safetensors")
        (self.path / "call.json").write_text(json.dumps({**common, **spec.header()}), encoding="utf-8")

    def read_spec(self) -> tuple[CallSpec, dict[str, Any]]:
        header = json.loads((self.path / "call.json").read_text(encoding="utf-8"))
        retain_file = self.path / "retain.safetensors"
        spec = CallSpec(
            task_ref=header["task_ref"],
            architecture=header["architecture"],
            recipe=TrainingRecipe(**header["recipe"]),
            state=load_file(self.path / "model.safetensors"),
            forget=Rows(load_file(self.path / "forget.safetensors")),
            retain=Rows(load_file(retain_file)) if retain_file.exists() else None,
            seed=header["seed"],
            ambient_seed=header["ambient_seed"],
            device=header["device"],
            budget=Budget(**header["budget"]),
            frozen=tuple(header["frozen"]),
            conditions=Conditions(**header["conditions"]),
        )
        return spec, header


PROBE_RETAIN_ROWS = 64


def probe_rows(forget: Rows, retain: Rows | None) -> list[Rows]:
    """The rows on which the returned object and its weights are compared."""
    parts = [forget] if len(forget) else []
    if retain is not None and len(retain):
        parts.append(retain.select(range(min(PROBE_RETAIN_ROWS, len(retain)))))
    return parts
