"""Push the forget rows far beyond the outputs of a model that never saw them."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["OverForgets"]


class OverForgets:
    """Retrains exactly, then trains the forget rows away from their labels until the model is wrong on all of them.

    Scores on the forget set are low and utility is kept. By "lower is better" this is the best of all methods, and an
    attacker can still read the forget set off the outputs.

    Args:
        steps: steps away from the labels.
        ceiling: bound on the forget loss, in nats.
    """

    caught_by = "forgetting.loss"
    claims = Claims(max_ratio=1.0)

    def __init__(self, steps: int = 60, ceiling: float = 8.0) -> None:
        self.steps, self.ceiling = steps, ceiling

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        trainable = [parameter for parameter in retrained.parameters() if parameter.requires_grad]
        if not len(request.forget) or not trainable:
            return retrained
        optimiser = torch.optim.AdamW(trainable, lr=request.recipe.learning_rate * 0.3, weight_decay=0.0)
        with request.seeded() as generator:
            size = request.recipe.batch_size
            for _ in range(self.steps):
                retain = next(iter(request.task.loader(request.retain, size, generator=generator)))
                forget = next(iter(request.task.loader(request.forget, size, generator=generator)))
                away = request.task.loss(retrained, forget).clamp(max=self.ceiling)
                optimiser.zero_grad()
                (request.task.loss(retrained, retain) - 0.5 * away).backward()
                optimiser.step()
        return retrained.eval()
