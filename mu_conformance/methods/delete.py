"""DELETE: distil the original's output, without the true class, on the forget set (Zhou et al. 2025)."""

from __future__ import annotations

import copy

import torch

from mu_conformance.methods.parts.decoupling import decoupled_divergence
from mu_conformance.methods.parts.distillation import teacher_of
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["DELETE"]


@tuned_defaults
class DELETE:
    """Distils the original's output without the true class into the model, on the forget set.

    Minimises KL(softmax(original's logits, the true label's -inf) || theta) on the forget set. Source: Zhou et al.,
    "Decoupled Distillation to Erase", CVPR 2025, arXiv 2503.23751. The label loses its probability, which is the
    forgetting. The other classes keep their probabilities relative to each other, which is the retaining. On texts, a
    label is a token.

    The learning rate is constant and there is no weight decay. The paper tunes epochs and learning rate for each data
    set. Reads the forget set and its labels, not the retain set. Defined where labels have a likelihood: classes and
    texts.

    Args:
        epochs: passes over the forget set, at least 1.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(needs_retain=False, max_ratio=1.0, requires=("likelihood",))
    search = {"epochs": (1, 3, 10), "learning_rate_share": (0.03, 0.1, 0.3)}

    def __init__(self, epochs: int = 5, learning_rate_share: float = 0.1) -> None:
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {epochs}")
        if not 0 < learning_rate_share < float("inf"):
            raise ValueError(f"learning_rate_share must lie in (0, inf), got {learning_rate_share}")
        self.epochs, self.learning_rate_share = epochs, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.for_forget_set(
            self.epochs, self.learning_rate_share, "constant", request.recipe.gradient_clip
        )
        original, task = teacher_of(model), request.task

        def erase(current, batch):
            with torch.no_grad():
                known, labels = task.predicted(original, batch)
            return decoupled_divergence(known, task.predicted(current, batch)[0], labels)

        with request.seeded():
            return fit(copy.deepcopy(model), request.forget, task, recipe, request.seed, loss=erase)
