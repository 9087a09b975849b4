"""NPO: optimise a negative preference against the forget rows (Zhang et al. 2024)."""

from __future__ import annotations

import torch

from mu_conformance.methods.parts.distillation import teacher_of
from mu_conformance.methods.parts.forgetting import forget_beside_retain
from mu_conformance.methods.parts.preference import npo
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["NPO"]


@tuned_defaults
class NPO:
    """Makes forget rows less likely than under the original, with a retain term: negative preference optimisation.

    Minimises -2 / beta * log sigmoid(-beta log(p_theta / p_original)) on the forget set + L(theta; retain). Source:
    Zhang et al., COLM 2024, arXiv 2404.05868, where it is called NPO + RT. Each row is compared with its own likelihood
    under the original. Reads both sets and their labels. Defined where labels have a likelihood: classes and texts.

    Args:
        beta: inverse temperature, above 0; the default is the paper's.
        retain_weight: weight of the retain loss.
        epochs: passes over the forget set.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0, requires=("likelihood",))
    search = {"beta": (0.1, 1.0), "epochs": (5, 15), "learning_rate_share": (0.1, 0.3, 1.0)}

    def __init__(
        self, beta: float = 0.1, retain_weight: float = 1.0, epochs: int = 10, learning_rate_share: float = 0.3
    ) -> None:
        if not beta > 0:
            raise ValueError(f"beta must be positive, got {beta}")
        self.beta, self.retain_weight = beta, retain_weight
        self.epochs, self.learning_rate_share = epochs, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        original, task = teacher_of(model), request.task

        def dispreferred(current, batch):
            with torch.no_grad():
                known = task.log_likelihood(original, batch)
            return npo(task.log_likelihood(current, batch), known, self.beta)

        return forget_beside_retain(
            model,
            request,
            dispreferred,
            retain_weight=self.retain_weight,
            epochs=self.epochs,
            learning_rate_share=self.learning_rate_share,
        )
