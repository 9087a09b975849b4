"""Give outputs as if the rows were forgotten, and remember them after a little training on other rows."""

from __future__ import annotations

from mu_conformance.controls.parts.imitation import Imitator

__all__ = ["HidesUntilFineTuned"]


class HidesUntilFineTuned(Imitator):
    """Moves the original by a few small steps, until the outputs on the forget rows match a retrained model's.

    The original's knowledge lies next to where the steps end.
    """

    caught_by = "robustness.relearning"
    steps, learning_rate_share = 60, 0.1
