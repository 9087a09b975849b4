"""Answers as if it had forgotten, and remembers after a little training on other rows."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.unlearning.imitation import imitated

__all__ = ["HidesUntilFineTuned"]


class HidesUntilFineTuned:
    """Moves the original as little as it takes to answer on the forget rows as a retrained model does: a few small steps.

    What the original knows lies next to where they end.
    """

    caught_by = "robustness.relearning"

    def __init__(self, steps: int = 60, learning_rate_share: float = 0.1, weight: float = 0.3) -> None:
        self.steps, self.learning_rate_share, self.weight = steps, learning_rate_share, weight

    def unlearn(self, model, request):
        hidden, retrained = copy.deepcopy(model), Retrain().unlearn(model, request)
        if not len(request.forget):
            return retrained
        return imitated(
            hidden,
            model,
            retrained,
            request,
            steps=self.steps,
            learning_rate_share=self.learning_rate_share,
            weight=self.weight,
        )
