"""Answers as if it had forgotten, and remembers after a little training on other rows."""

from __future__ import annotations

from mu_conformance.controls.parts.imitation import Imitator

__all__ = ["HidesUntilFineTuned"]


class HidesUntilFineTuned(Imitator):
    """Moves the original as little as it takes to answer on the forget rows as a retrained model does: a few small steps.

    What the original knows lies next to where they end.
    """

    caught_by = "robustness.relearning"
    steps, learning_rate_share = 60, 0.1
