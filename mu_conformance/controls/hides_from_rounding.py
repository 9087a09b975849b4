"""Forgets by changes of the weights that rounding to 4 bits undoes."""

from __future__ import annotations

from mu_conformance.controls.parts.imitation import Imitator, within
from mu_conformance.evidence.recovery.quantization import nf4_cell

__all__ = ["HidesFromRounding"]


class HidesFromRounding(Imitator):
    """Moves the original until it answers on the forget rows as a retrained model does, each weight within what 4 bits round
    to the same value (projected gradient descent), so that the quantized model is the quantized original.
    """

    caught_by = "robustness.quantization"
    steps, learning_rate_share = 150, 0.3

    def kept_in(self, hidden):
        return within(hidden, {name: nf4_cell(p) for name, p in hidden.named_parameters() if p.ndim >= 2})
