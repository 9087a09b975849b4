"""Tell whether a returned model is a stored reference."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from mu_conformance.evidence.outputs import Outputs
from mu_conformance.tasks import Task

__all__ = ["COPY_SHARE", "Copies"]

COPY_SHARE = 0.2
"""Share of the closest two references' distance; a run that is closer to a reference was copied, not trained."""


class Copies:
    """Compares models with the stored references, by their probabilities on holdout rows."""

    def __init__(self, task: Task, references: Sequence[Outputs]) -> None:
        self.task, self.references = task, references

    @functools.cached_property
    def _known(self) -> np.ndarray:
        """Return the probabilities of each reference, [references, n, k]."""
        return np.stack([self.task.probabilities(reference["holdout"]) for reference in self.references])

    @functools.cached_property
    def _closest(self) -> float:
        """Return the smallest distance between two references: mean absolute difference of holdout probabilities."""
        known = self._known
        return min(float(np.abs(known[k] - known[k + 1 :]).mean(axis=(1, 2)).min()) for k in range(len(known) - 1))

    def copied(self, outputs: Outputs) -> str | None:
        """Return why a model is taken for a stored reference; None if it is not.

        A copy is far closer to the reference than any two references are to each other. Where all trainings end in the
        same place (a convex task), no model is, and the result is None.
        """
        own = self.task.probabilities(outputs["holdout"])
        distances = np.abs(self._known - own).mean(axis=(1, 2))
        nearest = int(distances.argmin())
        if distances[nearest] < COPY_SHARE * self._closest:
            return (
                f"the returned model agrees with stored reference {nearest} to {distances[nearest]:.2g} in "
                f"probability, where no two references are closer than {self._closest:.2g}: it was taken, not trained"
            )
        return None
