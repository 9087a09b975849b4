"""Measure one model on one scenario: its outputs on each part, and again after each recovery attack."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mu_conformance.evidence.recovery import MEASURED, attacks_of
from mu_conformance.evidence.representations import sketch

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.scenarios.scenario import Scenario
    from mu_conformance.tasks import RowOutputs, Rows

__all__ = ["REPRESENTATION", "VERSION", "NotFinite", "Outputs"]

REPRESENTATION = "representation"
"""Name of the part with a sketch of how the model represents rows (``representations``)."""

VERSION = 3
"""Part of the address of stored outputs; raise it when more, or something else, is saved."""


class NotFinite(RuntimeError):
    """Raised when a model's outputs are NaN or infinite, so nothing can be measured."""


class _Measured(Mapping[str, "RowOutputs"]):
    """Measures each part of a model's outputs when it is first asked for.

    Most runs beyond the first look are made for one check, which reads one or two of the many parts.
    """

    def __init__(self, model: nn.Module, scenario: Scenario) -> None:
        self._model: nn.Module | None = model
        self._scenario = scenario
        self._found: dict[str, RowOutputs] = {}
        self.seconds = 0.0

    def __iter__(self) -> Iterator[str]:
        yield from self._scenario.rows
        for attack in attacks_of(self._scenario.task):
            yield from map(attack.part, MEASURED)
        yield REPRESENTATION

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, part: str) -> RowOutputs:
        if part not in self._found:
            if part not in set(self):
                raise KeyError(part)
            started = time.perf_counter()
            for name, kept in self._measure(part).items():
                self._found[name] = {key: tensor.numpy() for key, tensor in kept.items()}
            self.seconds += time.perf_counter() - started
            # With all parts measured, the model is not needed any more and its memory is freed.
            if len(self._found) == len(self):
                self._model = None
        found = self._found[part]
        if not all(np.isfinite(array).all() for array in found.values()):
            raise NotFinite(f"outputs on {part} rows are NaN or infinite")
        return found

    def _measure(self, part: str) -> dict[str, dict[str, torch.Tensor]]:
        task, rows, model = self._scenario.task, self._scenario.rows, self._model
        assert model is not None
        if part == REPRESENTATION:
            return {part: {"sketch": sketch(model, self._scenario)}}
        for attack in attacks_of(task):
            if part in map(attack.part, MEASURED):
                treated = attack.apply(model, self._scenario)
                return {attack.part(own): self._losses(treated, rows[own]) for own in MEASURED}
        return {part: task.outputs(model, rows[part], brief=part in self._scenario.brief_parts)}

    def _losses(self, model: nn.Module, rows: Rows) -> dict[str, torch.Tensor]:
        """Return the losses of an attacked model, the only outputs saved of it: its logits would be most of a pack."""
        task = self._scenario.task
        kept = {name: tensor.numpy() for name, tensor in task.outputs(model, rows, brief=True).items()}
        return {"loss": torch.from_numpy(task.losses(kept, rows).astype(np.float32))}


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Holds the outputs of one model on one scenario, by part.

    - ``outputs["forget"]``: the task's outputs (``Task.outputs``) on the forget rows. Every other part of
      ``Scenario.rows`` has the same form.
    - ``outputs["int8_forget"]["loss"]``: losses on the forget rows after the attack ``int8`` (``recovery``).
    - ``outputs["representation"]["sketch"]``: how the model represents rows (``representations``).

    Raises ``NotFinite`` where outputs are NaN or infinite.
    """

    parts: Mapping[str, RowOutputs]
    """Outputs by part."""
    memo: dict[Any, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    """Cache of what is computed from these outputs alone (``checks.statistics``)."""

    def __getitem__(self, part: str) -> RowOutputs:
        return self.parts[part]

    @classmethod
    def of(cls, model: nn.Module, scenario: Scenario) -> Outputs:
        """Return the outputs of a model, which is left as it was.

        A part is measured when it is first asked for, so the model must not change.
        """
        return cls(_Measured(model, scenario))

    @property
    def seconds(self) -> float:
        """Return the seconds that measuring took so far; 0 for outputs from the store."""
        return self.parts.seconds if isinstance(self.parts, _Measured) else 0.0

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield every array, as ``part/name``."""
        for part, kept in self.parts.items():
            for name, array in kept.items():
                yield f"{part}/{name}", array

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all outputs in the store's form, tensors by ``part/name``."""
        return {name: torch.from_numpy(array) for name, array in self.arrays()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Outputs:
        """Return the outputs saved by ``tensors``."""
        parts: dict[str, dict[str, np.ndarray]] = {}
        for name, tensor in tensors.items():
            part, _, kept = name.partition("/")
            parts.setdefault(part, {})[kept] = tensor.numpy()
        return cls(parts)
