"""What is kept of one model on one scenario: its outputs on each part, and again after each relearning fine-tune."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from mu_conformance import relearning

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.scenario import Scenario
    from mu_conformance.task import RowOutputs

__all__ = ["VERSION", "Outputs"]

VERSION = 2
"""Part of the address of stored outputs: raise it when more, or something else, is kept."""


@dataclasses.dataclass(frozen=True)
class Outputs:
    """``outputs["forget"]`` are a task's outputs (``Task.outputs``) on the forget rows; so for every part of
    ``Scenario.rows``. ``outputs["relearnt_few_forget"]`` are those after the fine-tune ``few`` (``relearning``).
    """

    parts: Mapping[str, RowOutputs]

    def __getitem__(self, part: str) -> RowOutputs:
        return self.parts[part]

    @classmethod
    def of(cls, model: nn.Module, scenario: Scenario) -> Outputs:
        """Measure a model; it is left as it was."""
        task = scenario.task
        # Holdout rows are for the attacks, which need losses and confidences alone.
        parts = {part: task.outputs(model, rows, brief=part == "holdout") for part, rows in scenario.rows.items()}
        for attack in relearning.ATTACKS:
            relearnt = relearning.relearn(attack, model, scenario)
            for part in ("forget", "holdout"):
                parts[f"relearnt_{attack}_{part}"] = task.outputs(relearnt, scenario.rows[part], brief=True)
        return cls({part: {name: t.numpy() for name, t in kept.items()} for part, kept in parts.items()})

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every array, as ``part/name``."""
        for part, kept in self.parts.items():
            for name, array in kept.items():
                yield f"{part}/{name}", array

    @property
    def finite(self) -> bool:
        return all(np.isfinite(array).all() for _, array in self.arrays())

    def tensors(self) -> dict[str, torch.Tensor]:
        """As the store keeps them."""
        return {name: torch.from_numpy(array) for name, array in self.arrays()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Outputs:
        parts: dict[str, dict[str, np.ndarray]] = {}
        for name, tensor in tensors.items():
            part, _, kept = name.partition("/")
            parts.setdefault(part, {})[kept] = tensor.numpy()
        return cls(parts)
