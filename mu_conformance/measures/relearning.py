"""How fast a model learns forget rows again."""

from __future__ import annotations

import numpy as np

from mu_conformance.measures import arrays

__all__ = ["anamnesis_index", "relearn_time"]

OFFSET = 0.01
"""Added to both times of the anamnesis index, so that a model that remembers at once divides by more than 0."""


def relearn_time(scores: np.ndarray, target: float) -> int:
    """The first step at which ``scores`` [steps], the first before any training, reach ``target``: 0 and up.

    ``ValueError``: other shapes, NaN, a target that is never reached, since the last step would understate the time.
    """
    scores, target = arrays.vector(scores, "scores"), arrays.number(target, "target")
    reached = np.flatnonzero(scores >= target)
    if len(reached) == 0:
        raise ValueError(f"no score reaches {target} in {len(scores) - 1} steps: need more of them")
    return int(reached[0])


def anamnesis_index(time: float, reference_time: float) -> float:
    """(``time`` + 0.01) / (``reference_time`` + 0.01), > 0; 1 is a model that never saw the rows.

    AIN: Chundawat et al. 2023 (arXiv 2201.05629), with the offset for models that remember at once. Times to relearn
    the forget rows, of a run and of a reference, in the same unit (``relearn_time``: steps). Below 1: the run still
    remembers; far above 1: it is further from the rows than a model that never saw them. ``ValueError``: a time that is
    negative, infinite or NaN.
    """
    time, reference_time = arrays.number(time, "time", 0), arrays.number(reference_time, "reference_time", 0)
    return (time + OFFSET) / (reference_time + OFFSET)
