"""Forget by changes of the weights that rounding to 4 bits undoes."""

from __future__ import annotations

from mu_conformance.controls.parts.imitation import Imitator, within
from mu_conformance.evidence.recovery.quantization import nf4_cell

__all__ = ["HidesFromRounding"]


class HidesFromRounding(Imitator):
    """Moves the original to a retrained model's outputs on the forget rows, by changes that 4-bit rounding undoes.

    Each weight stays within the values that 4 bits round alike (projected gradient descent). The quantized model is
    therefore the quantized original.
    """

    caught_by = "robustness.quantization"
    steps, learning_rate_share = 150, 0.3

    def kept_in(self, hidden):
        return within(hidden, {name: nf4_cell(p) for name, p in hidden.named_parameters() if p.ndim >= 2})
