"""Measure how fast a model relearns forget rows."""

from __future__ import annotations

import numpy as np

from mu_conformance.measures import arrays

__all__ = ["anamnesis_index", "relearn_time"]

OFFSET = 0.01
"""Added to both times of the anamnesis index, so that a model that remembers at once divides by more than 0."""


def relearn_time(scores: np.ndarray, target: float) -> int:
    """Return the first step, from 0, at which the score reaches ``target``.

    Args:
        scores: score after each step [steps], the first before any training.
        target: score to reach.

    Raises:
        ValueError: other shapes, NaN, or a target never reached, because the last step would understate the time.
    """
    scores, target = arrays.vector(scores, "scores"), arrays.number(target, "target")
    reached = np.flatnonzero(scores >= target)
    if len(reached) == 0:
        raise ValueError(f"no score reaches {target} in {len(scores) - 1} steps: need more of them")
    return int(reached[0])


def anamnesis_index(time: float, reference_time: float) -> float:
    """Return (``time`` + ``OFFSET``) / (``reference_time`` + ``OFFSET``), above 0; 1 is a model that never saw the
    rows.

    Source: AIN, Chundawat et al. 2023 (arXiv 2201.05629), with the offset for models that remember at once. Below 1 the
    run still remembers. Far above 1 the run is further from the rows than a model that never saw them.

    Args:
        time: time in which a run relearns the forget rows, at least 0; the unit of ``relearn_time`` is steps.
        reference_time: the same of a reference, in the same unit.

    Raises:
        ValueError: a time that is negative, infinite or NaN.
    """
    time, reference_time = arrays.number(time, "time", 0), arrays.number(reference_time, "reference_time", 0)
    return (time + OFFSET) / (reference_time + OFFSET)
