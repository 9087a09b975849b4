"""Hand a call to a child process and take its result back: a folder with JSON and safetensors, no pickle."""

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

MOST_TRACEBACK = 20_000
"""Characters of a traceback that are kept, its end."""


@dataclasses.dataclass(frozen=True)
class CallSpec:
    """Holds everything that the child needs for one call of a method, and nothing else."""

    task_ref: str
    """The task's class, ``module:class``."""
    architecture: str
    """Name of the task's architecture."""
    recipe: TrainingRecipe
    """Recipe by which the original was trained."""
    state: dict[str, torch.Tensor]
    """State dict of the original."""
    forget: Rows
    """Rows to be deleted."""
    retain: Rows | None
    """Rows that remain; None if the method claims not to need them."""
    seed: int
    """Seed of the request."""
    ambient_seed: int = 0
    """Seed of the global random state found by the method, which must not matter."""
    device: str = "cpu"
    """Device of the model."""
    budget: Budget = dataclasses.field(default_factory=Budget)
    """Limits of the call."""
    frozen: tuple[str, ...] = ()
    """Names of parameters that do not require gradients, beside those that the task itself freezes."""
    conditions: Conditions = dataclasses.field(default_factory=Conditions)
    """Conditions under which the task is judged."""
    reads_labels: bool = True
    """False to hand over rows without labels, because the method claims not to read them."""

    def header(self) -> dict[str, Any]:
        """Return everything except tensors, as plain JSON."""
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
            "reads_labels": self.reads_labels,
        }


@dataclasses.dataclass(frozen=True)
class CallResult:
    """Holds the result of one call. Seconds and MiB are the operating system's, for the whole child."""

    status: str
    """How the call ended:

    - ``returned``: weights came back.
    - ``unusable``: the method returned something without usable weights.
    - ``raised``: the method raised an ``Exception``.
    - ``escaped``: the method ended its process, or raised something that is not an ``Exception``.
    - ``killed``: a signal ended the process.
    - ``timeout``: the call was stopped at its time limit.
    - ``over_budget``: the call was stopped at its budget of FLOPs.
    """
    message: str = ""
    """Why nothing came back, in one line; or a remark."""
    state: dict[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    """The returned state dict."""
    probe: torch.Tensor | None = None
    """Outputs of the returned object itself on forget and retain rows, float32 [n, ...]; None if there are none."""
    report: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The child's own record of the call; no verdict about forgetting or utility rests on it."""
    output_tail: str = ""
    """End of what the child printed."""
    wall_s: float = 0.0
    """Wall time, seconds."""
    cpu_s: float = 0.0
    """Processor time, seconds."""
    method_s: float = 0.0
    """Wall time of the method alone, as measured in the child, seconds."""
    peak_mib: float = 0.0
    """Peak resident memory above the fork server's, MiB."""
    orphans: int = 0
    """Number of processes that the call left running."""

    @property
    def returned(self) -> bool:
        """Return whether weights came back."""
        return self.status == "returned"

    @property
    def traceback(self) -> str:
        """Return the traceback of what the method raised, from the child's report; empty if there is none."""
        return str(self.report.get("traceback", ""))[-MOST_TRACEBACK:]

    @property
    def crashed(self) -> bool:
        """Return whether nothing can be measured, for a reason other than a broken protocol."""
        return self.status in ("raised", "killed", "timeout", "over_budget")


class CallFolder:
    """Names, writes and reads the files of one call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.scratch = path / "scratch"
        self.result = path / "result.json"
        self.weights = path / "weights.safetensors"
        self.probe = path / "probe.safetensors"

    def write(self, spec: CallSpec, common: dict[str, Any]) -> None:
        """Write a call: the model, the rows, and ``call.json`` with ``common`` added."""
        self.scratch.mkdir(parents=True)
        save_file({name: t.contiguous().clone() for name, t in spec.state.items()}, self.path / "model.safetensors")
        save_file(spec.forget.columns, self.path / "forget.safetensors")
        if spec.retain is not None:
            save_file(spec.retain.columns, self.path / "retain.safetensors")
        (self.path / "call.json").write_text(json.dumps({**common, **spec.header()}), encoding="utf-8")

    def read_spec(self) -> tuple[CallSpec, dict[str, Any]]:
        """Return the call written by ``write``, and the content of ``call.json``."""
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
            reads_labels=header["reads_labels"],
        )
        return spec, header


PROBE_RETAIN_ROWS = 64
"""Number of retain rows compared, the first ones."""


def probe_rows(forget: Rows, retain: Rows | None) -> list[Rows]:
    """Return the rows on which the returned object and its weights are compared."""
    parts = [forget] if len(forget) else []
    if retain is not None and len(retain):
        parts.append(retain.select(range(min(PROBE_RETAIN_ROWS, len(retain)))))
    return parts
