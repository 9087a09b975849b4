"""Random labels: continue training with wrong labels on the forget set (Graves et al. 2021; Golatkar et al. 2020)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.relabelling import relabelled
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["RandomLabel"]


@tuned_defaults
class RandomLabel:
    """Continues training with wrong labels on the forget set and right ones on the retain set.

    Minimises L(theta; retain) + L(theta; forget), where each forget row's label is drawn uniformly from the other
    classes. For a diffusion model, the second term moves the output for a forget row's prompt to that for another
    prompt, as in ``SalUn``. Reads both sets and their labels. Defined where labels can be changed: classes and prompts.

    Args:
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0, requires=("relabelling",))
    search = {"epochs_share": (0.1, 0.3), "learning_rate_share": (0.1, 0.3, 1.0)}

    def __init__(self, epochs_share: float = 0.3, learning_rate_share: float = 0.3) -> None:
        self.epochs_share, self.learning_rate_share = epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        with request.seeded() as generator:
            rows, loss = relabelled(request, generator)
            return fit(copy.deepcopy(model), rows, request.task, recipe, request.seed, loss=loss)
