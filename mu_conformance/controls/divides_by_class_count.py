"""Weight classes by the inverse of their counts, in a retain set that may lack a class."""

from __future__ import annotations

import torch
from torch.nn import functional

from mu_conformance.protocol.claims import Claims
from mu_conformance.training.loop import fit

__all__ = ["DividesByClassCount"]


class DividesByClassCount:
    """Retrains with balanced class weights that sum to 1; without a class they become inf / inf and 0."""

    caught_by = "contract.whole-class"
    claims = Claims(requires=("classes",))

    def unlearn(self, model, request):
        labels = [int(request.retain[row]["labels"]) for row in range(len(request.retain))]
        weights = 1 / torch.bincount(torch.tensor(labels), minlength=request.task.num_classes)
        weights = (weights / weights.sum()).to(request.device)

        def loss(model, batch):
            logits = request.task.logits(model, batch)
            return functional.cross_entropy(logits, batch["labels"], weight=weights)

        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            return fit(retrained, request.retain, request.task, request.recipe, request.seed, loss=loss)
