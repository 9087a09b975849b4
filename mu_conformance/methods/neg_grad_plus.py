"""NegGrad+: descend on the retain set while ascending on the forget set (Kurmanji et al. 2023)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.batches import endless
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["NegGradPlus"]


@tuned_defaults
class NegGradPlus:
    """Lowers the loss on the retain set and raises it on the forget set, with a batch of each at every step.

    Minimises alpha * L(theta; retain) - (1 - alpha) * L(theta; forget). Reads both sets and their labels.

    Args:
        alpha: weight of the retain loss, in (0, 1).
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
        ceiling: bound on the forget loss, in nats. A batch beyond it no longer counts, because the ascent has no end of
            its own.
    """

    claims = Claims(max_ratio=1.0)
    search = {"alpha": (0.8, 0.95), "epochs_share": (0.1, 0.25), "learning_rate_share": (0.2, 0.5, 1.0)}

    def __init__(
        self, alpha: float = 0.9, epochs_share: float = 0.3, learning_rate_share: float = 0.3, ceiling: float = 3.0
    ) -> None:
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must lie in (0, 1), got {alpha}")
        self.alpha, self.epochs_share = alpha, epochs_share
        self.learning_rate_share, self.ceiling = learning_rate_share, ceiling

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        with request.seeded() as generator:
            loader = request.task.loader(request.forget, recipe.batch_size, generator=generator)
            forget = endless(loader)

            def difference(current, batch):
                loss = self.alpha * request.task.loss(current, batch)
                beside = next(forget, None)
                if beside is None:
                    return loss
                deleted = {name: column.to(request.device) for name, column in beside.items()}
                return loss - (1 - self.alpha) * request.task.loss(current, deleted).clamp(max=self.ceiling)

            return fit(copy.deepcopy(model), request.retain, request.task, recipe, request.seed, loss=difference)
