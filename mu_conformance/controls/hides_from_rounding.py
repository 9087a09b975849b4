"""Forgets by changes of the weights that rounding to 4 bits undoes."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.treatments.quantization import nf4_cell
from mu_conformance.unlearning.imitation import imitated, within

__all__ = ["HidesFromRounding"]


class HidesFromRounding:
    """Moves the original until it answers on the forget rows as a retrained model does, each weight within what 4 bits round
    to the same value (projected gradient descent), so that the quantized model is the quantized original.
    """

    caught_by = "robustness.quantization"

    def __init__(self, steps: int = 150, learning_rate_share: float = 0.3, weight: float = 0.3) -> None:
        self.steps, self.learning_rate_share, self.weight = steps, learning_rate_share, weight

    def unlearn(self, model, request):
        hidden, retrained = copy.deepcopy(model), Retrain().unlearn(model, request)
        if not len(request.forget):
            return retrained
        cells = {name: nf4_cell(p) for name, p in hidden.named_parameters() if p.ndim >= 2}
        return imitated(
            hidden,
            model,
            retrained,
            request,
            steps=self.steps,
            learning_rate_share=self.learning_rate_share,
            weight=self.weight,
            after_step=within(hidden, cells),
        )
