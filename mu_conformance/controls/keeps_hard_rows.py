"""Assume that rows a retrained model gets wrong cannot have been learnt, and keep them."""

from __future__ import annotations

import torch

from mu_conformance.controls.parts.retraining import retrain_keeping
from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["KeepsHardRows"]


class KeepsHardRows:
    """Retrains exactly, then again with the forget rows that the retrained model gets wrong: the wrong labels stay."""

    caught_by = "forgetting.mislabelled"
    claims = Claims(requires=("classes",))

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        wrong = []
        with torch.no_grad():
            for row in range(len(request.forget)):
                batch = request.task.collate([request.forget[row]])
                logits = request.task.logits(retrained, {name: t.to(request.device) for name, t in batch.items()})
                if int(logits.argmax()) != int(batch["labels"]):
                    wrong.append(row)
        return retrain_keeping(request, wrong)
