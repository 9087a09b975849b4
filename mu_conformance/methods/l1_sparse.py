"""l1-sparse: fine-tune on the retain set towards few nonzero weights (Jia et al. 2023)."""

from __future__ import annotations

import copy

import torch

from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import descend

__all__ = ["L1Sparse"]


@tuned_defaults
class L1Sparse:
    """Fine-tunes on the retain set with an L1 penalty that falls to 0.

    Minimises L(theta; retain) + gamma_t ||theta||_1 (Jia et al., NeurIPS 2023, arXiv 2304.04934). The norm is over the
    trainable parameters. In epoch t = 0 ... T - 1, gamma_t = ``gamma`` * (1 - t / T). The paper finds this linear
    schedule the best, and it leaves the last epochs to repair the damage done by the penalty. Reads the retain set and
    its labels.

    Args:
        gamma: weight of the penalty in the first epoch, at least 0. The value must fit the size of the model; 0 gives
            ``FineTune``.
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0)
    search = {"gamma": (1e-05, 0.0001, 0.001), "epochs_share": (0.2, 0.5), "learning_rate_share": (0.5, 1.0)}

    def __init__(self, gamma: float = 5e-4, epochs_share: float = 0.2, learning_rate_share: float = 0.5) -> None:
        if not 0 <= gamma < float("inf"):
            raise ValueError(f"gamma must lie in [0, inf), got {gamma}")
        self.gamma, self.epochs_share, self.learning_rate_share = gamma, epochs_share, learning_rate_share

    def gammas(self, epochs: int) -> list[float]:
        """Return the weight of the penalty in each of ``epochs`` epochs."""
        return [self.gamma * (1 - epoch / epochs) for epoch in range(epochs)]

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        task = request.task

        def sparse(gamma):
            def loss(current, batch):
                norms = [p.abs().sum() for p in current.parameters() if p.requires_grad]
                return task.loss(current, batch) + gamma * torch.stack(norms).sum()

            return loss

        with request.seeded() as generator:
            retain = task.loader(request.retain, recipe.batch_size, generator=generator)
            steps = ((sparse(gamma), batch) for gamma in self.gammas(recipe.epochs) for batch in retain)
            return descend(copy.deepcopy(model), steps, recipe, recipe.epochs * len(retain))
