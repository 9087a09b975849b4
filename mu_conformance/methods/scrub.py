"""SCRUB: stay close to the original on the retain set, move away from it on the forget set (Kurmanji et al. 2023)."""

from __future__ import annotations

import copy

import torch

from mu_conformance.methods.parts.distillation import kl_divergence, teacher_of
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import descend

__all__ = ["SCRUB"]


@tuned_defaults
class SCRUB:
    """Moves away from the original on the forget set and stays close to it on the retain set, in turn.

    Alternates max steps, -KL(original || theta) on the forget set, with min steps on the retain set, alpha KL(original
    || theta) + gamma L(theta; retain). Source: Kurmanji et al., NeurIPS 2023, arXiv 2302.09880, algorithm 1. KL is
    between softened distributions. On texts, a distribution is that of a token.

    Each of the first ``max_epochs`` epochs begins with a pass over the forget set. The other epochs only repair the
    damage. In the very first pass theta equals the original, where the divergence has no gradient. The min steps then
    separate the two.

    Reads both sets, and the labels of the retain set. On texts, the labels of the forget set tell where the answer is.
    Defined where labels have a likelihood: classes and texts.

    Args:
        alpha: weight of the divergence in min steps; the default is that of the paper's code.
        gamma: weight of the loss in min steps; the default is that of the paper's code.
        temperature: softens both distributions; the default is that of the paper's code.
        max_epochs: epochs with max steps, at least 0; the default is that of the paper's code.
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0, requires=("likelihood",))
    search = {"max_epochs": (1, 2), "epochs_share": (0.1, 0.3), "learning_rate_share": (0.1, 0.3, 1.0)}

    def __init__(
        self,
        alpha: float = 0.5,
        gamma: float = 0.99,
        temperature: float = 4.0,
        max_epochs: int = 2,
        epochs_share: float = 0.3,
        learning_rate_share: float = 0.3,
    ) -> None:
        if max_epochs < 0:
            raise ValueError(f"max_epochs must be at least 0, got {max_epochs}")
        self.alpha, self.gamma, self.temperature, self.max_epochs = alpha, gamma, temperature, max_epochs
        self.epochs_share, self.learning_rate_share = epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        original, task = teacher_of(model), request.task

        def divergence(current, batch):
            with torch.no_grad():
                wanted, _ = task.predicted(original, batch)
            return kl_divergence(wanted, task.predicted(current, batch)[0], self.temperature)

        def away(current, batch):
            return -divergence(current, batch)

        def back(current, batch):
            return self.alpha * divergence(current, batch) + self.gamma * task.loss(current, batch)

        with request.seeded() as generator:
            forget = task.loader(request.forget, recipe.batch_size, generator=generator)
            retain = task.loader(request.retain, recipe.batch_size, generator=generator)

            def steps():
                for epoch in range(recipe.epochs):
                    if epoch < self.max_epochs:
                        yield from ((away, batch) for batch in forget)
                    yield from ((back, batch) for batch in retain)

            total = min(self.max_epochs, recipe.epochs) * len(forget) + recipe.epochs * len(retain)
            return descend(copy.deepcopy(model), steps(), recipe, total)
