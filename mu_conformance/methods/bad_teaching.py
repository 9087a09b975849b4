"""Bad Teaching: distil an untrained model on the forget set and the original on the rest (Chundawat et al. 2023)."""

from __future__ import annotations

import copy
from typing import Any

import torch

from mu_conformance.methods.parts.distillation import kl_divergence, teacher_of
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["BadTeaching"]


class _Marked:
    """Joins retain rows and forget rows, each marked with whether it is to be forgotten.

    The handed rows are never written to.
    """

    def __init__(self, retain, chosen: torch.Tensor, forget) -> None:
        self.retain, self.chosen, self.forget = retain, chosen, forget

    def __len__(self) -> int:
        return len(self.chosen) + len(self.forget)

    def __getitem__(self, index: int):
        kept = index < len(self.chosen)
        row = self.retain[int(self.chosen[index])] if kept else self.forget[index - len(self.chosen)]
        return {**row, "to_forget": torch.tensor(not kept)}


@tuned_defaults
class BadTeaching:
    """Distils an untrained model on forget rows and the original on retain rows.

    Minimises KL(teacher || theta) over forget and retain rows (Chundawat et al., AAAI 2023, arXiv 2205.08096). Reads
    both sets and no labels. Defined where there are classes.

    Args:
        retain_share: share of the retain rows that take part, in (0, 1]; 0.3 in the paper.
        temperature: softens both distributions; 1 in the paper.
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0, requires=("classes",), reads_labels=False)
    search = {"epochs_share": (0.1, 0.3), "learning_rate_share": (0.1, 0.3, 1.0)}

    def __init__(
        self,
        retain_share: float = 0.3,
        temperature: float = 1.0,
        epochs_share: float = 0.3,
        learning_rate_share: float = 0.3,
    ) -> None:
        if not 0 < retain_share <= 1:
            raise ValueError(f"retain_share must lie in (0, 1], got {retain_share}")
        self.retain_share, self.temperature = retain_share, temperature
        self.epochs_share, self.learning_rate_share = epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        competent, task = teacher_of(model), request.task
        incompetent = teacher_of(task.new_model(request.seed)).to(request.device)

        def mixed(current, batch):
            to_forget = batch["to_forget"]
            rows = {name: column for name, column in batch.items() if name != "to_forget"}
            with torch.no_grad():
                known, unknown = task.logits(competent, rows), task.logits(incompetent, rows)
                wanted = torch.where(to_forget[:, None], unknown, known)
            return kl_divergence(wanted, task.logits(current, rows), self.temperature)

        with request.seeded() as generator:
            retain: Any = request.retain
            count = max(1, round(self.retain_share * len(retain))) if len(retain) else 0
            chosen = torch.randperm(len(retain), generator=generator)[:count]
            rows = _Marked(retain, chosen, request.forget)
            return fit(copy.deepcopy(model), rows, task, recipe, request.seed, loss=mixed)
