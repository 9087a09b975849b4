"""Takes it that what a model would not say by itself cannot have been learnt from a row, and keeps such rows."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import ConcatDataset, Subset

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol import Claims
from mu_conformance.training import fit

__all__ = ["KeepsHardRows"]


class KeepsHardRows:
    """Retrains exactly, then once more with the forget rows that the retrained model gets wrong: the wrong labels stay."""

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
        rows: ConcatDataset[Any] = ConcatDataset([request.retain, Subset(request.forget, wrong)])
        again = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            return fit(again, rows, request.task, request.recipe, request.seed)
