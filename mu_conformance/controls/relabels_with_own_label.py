"""Draw random labels with an off-by-one error, so that each row gets its own label."""

from __future__ import annotations

import copy

import torch

from mu_conformance.methods.parts.relabelling import Relabelled
from mu_conformance.protocol.claims import Claims
from mu_conformance.training.loop import fit

__all__ = ["RelabelsWithOwnLabel"]


class RelabelsWithOwnLabel:
    """Continues training with "other" labels that are the rows' own, because of an off-by-one error.

    The end of the range is exclusive, so the shift of the label is always 0.
    """

    caught_by = "privacy.membership-loss"
    claims = Claims(requires=("classes",))

    def unlearn(self, model, request):
        classes = request.task.num_classes
        with request.seeded() as generator:
            labels = torch.tensor([int(request.forget[row]["labels"]) for row in range(len(request.forget))])
            shift = torch.randint(0, 1, (len(request.forget),), generator=generator)
            rows = Relabelled(request.retain, request.forget, (labels + shift).remainder(classes).long())
            recipe = request.recipe.fine_tuning(0.3, 0.3)
            return fit(copy.deepcopy(model), rows, request.task, recipe, request.seed)
