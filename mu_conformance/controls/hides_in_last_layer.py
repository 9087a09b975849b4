"""Change the last layer alone, so that all earlier layers remember."""

from __future__ import annotations

from mu_conformance.controls.parts.imitation import Imitator
from mu_conformance.methods.parts.layers import last_layers, only

__all__ = ["HidesInLastLayer"]


class HidesInLastLayer(Imitator):
    """Moves only the original's last layer, until the outputs on the forget rows match a retrained model's."""

    caught_by = "robustness.representation-probe"
    steps, learning_rate_share = 200, 1.0

    def moved(self, hidden):
        return only(hidden, last_layers(hidden, 1))
