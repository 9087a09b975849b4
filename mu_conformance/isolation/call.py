"""Hand a call to a child process and take its result back: plain JSON and safetensors, no pickle."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch

from mu_conformance.conditions.conditions import Conditions
from mu_conformance.isolation.memory_files import Counters, read_tensors, write_tensors
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget
from mu_conformance.tasks import Rows

__all__ = ["CallFolder", "CallInput", "CallResult", "CallSpec", "probe_rows"]

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
    label_shape: tuple[int, ...] | None = None
    """Shape of a row's label that was not handed over; None if rows have no labels."""

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


@dataclasses.dataclass(frozen=True)
class CallInput:
    """Holds a call as it is handed over: plain JSON, and descriptors of files without a name."""

    header: dict[str, Any]
    """Everything except tensors, the names of the descriptors (``parts``) and the numbers of rows (``rows``)."""
    descriptors: tuple[int, ...]
    """Descriptor of each part."""

    @classmethod
    def of(cls, spec: CallSpec, common: dict[str, Any]) -> CallInput:
        """Write a call; the header gets ``common`` added. The caller closes the input.

        Labels are left out if the method claims not to read them, so they are nowhere in its process.
        """
        rows = {"forget": spec.forget} if spec.retain is None else {"forget": spec.forget, "retain": spec.retain}
        sizes = {name: len(part) for name, part in rows.items()}
        parts = {"model": write_tensors(spec.state)}
        for name, part in rows.items():
            columns = {key: column for key, column in part.columns.items() if spec.reads_labels or key != "labels"}
            parts[name] = write_tensors(columns)
        parts["counters"] = Counters.create(sum(sizes.values()))
        labels = spec.forget.columns.get("labels")
        shape = None if labels is None else list(labels.shape[1:])
        header = {**common, **spec.header(), "parts": list(parts), "rows": sizes, "label_shape": shape}
        return cls(header, tuple(parts.values()))

    def part(self, name: str) -> int:
        """Return the descriptor of a part."""
        return self.descriptors[self.header["parts"].index(name)]

    def spec(self) -> CallSpec:
        """Return the call that was written."""
        header = self.header
        rows = {name: Rows(read_tensors(self.part(name))) for name in header["rows"]}
        return CallSpec(
            task_ref=header["task_ref"],
            architecture=header["architecture"],
            recipe=TrainingRecipe(**header["recipe"]),
            state=read_tensors(self.part("model")),
            forget=rows["forget"],
            retain=rows.get("retain"),
            seed=header["seed"],
            ambient_seed=header["ambient_seed"],
            device=header["device"],
            budget=Budget(**header["budget"]),
            frozen=tuple(header["frozen"]),
            conditions=Conditions(**header["conditions"]),
            reads_labels=header["reads_labels"],
            label_shape=None if header["label_shape"] is None else tuple(header["label_shape"]),
        )

    def places(self) -> dict[str, tuple[int, int, int]]:
        """Return the descriptors of each part of the rows and of the counters, and the number of its first counter."""
        found, first = {}, 0
        for name, size in self.header["rows"].items():
            found[name] = (self.part(name), self.part("counters"), first)
            first += size
        return found

    def reads(self) -> dict[str, dict[str, int]]:
        """Return how many rows of each part were read, how often, and of how many."""
        sizes = self.header["rows"]
        counts = Counters.read(self.part("counters"), sum(sizes.values()))
        found, first = {}, 0
        for name, size in sizes.items():
            own = counts[first : first + size]
            found[name] = {"rows": int((own > 0).sum()), "draws": int(own.sum()), "of": size}
            first += size
        return found

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class CallFolder:
    """Names the files that come back from one call.

    Args:
        path: folder of the result files.
        scratch: folder of everything else that the call wrote; None for one inside ``path``.
    """

    def __init__(self, path: Path, scratch: Path | None = None) -> None:
        self.path = path
        self.scratch = scratch or path / "scratch"
        self.result = path / "result.json"
        self.weights = path / "weights.safetensors"
        self.probe = path / "probe.safetensors"

    @property
    def results(self) -> tuple[Path, ...]:
        """Return the files that the child writes for the suite."""
        return self.result, self.weights, self.probe


PROBE_RETAIN_ROWS = 64
"""Number of retain rows compared, the first ones."""


def probe_rows(spec: CallSpec) -> list[Rows]:
    """Return the rows on which the returned object and its weights are compared.

    Labels that are not handed over are zeros here, because some models need labels to give any output.
    """
    parts = [spec.forget] if len(spec.forget) else []
    if spec.retain is not None and len(spec.retain):
        parts.append(spec.retain.select(range(min(PROBE_RETAIN_ROWS, len(spec.retain)))))
    return parts if spec.reads_labels else [_without_labels(rows, spec.label_shape) for rows in parts]


def _without_labels(rows: Rows, shape: tuple[int, ...] | None) -> Rows:
    if "labels" in rows.columns:
        shape = tuple(rows.columns["labels"].shape[1:])
    if shape is None:
        return rows
    return Rows({**rows.columns, "labels": torch.zeros((len(rows), *shape), dtype=torch.int64)})
