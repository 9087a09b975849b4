"""Changes the last layer alone, so that all layers before it remember."""

from __future__ import annotations

from mu_conformance.controls.parts.imitation import Imitator
from mu_conformance.methods.parts.layers import last_layers, only

__all__ = ["HidesInLastLayer"]


class HidesInLastLayer(Imitator):
    """Moves the last layer of the original until the model answers on the forget rows as a retrained one does."""

    caught_by = "robustness.representation-probe"
    steps, learning_rate_share = 200, 1.0

    def moved(self, hidden):
        return only(hidden, last_layers(hidden, 1))
