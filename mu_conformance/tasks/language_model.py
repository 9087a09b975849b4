"""Define tasks whose model continues a text, such as what it knows about a person: causal language models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from mu_conformance.measures import memorization
from mu_conformance.tasks.generation import TextTask
from mu_conformance.tasks.rows import Rows
from mu_conformance.tasks.tokens import IGNORED, answer_number, token_outputs

if TYPE_CHECKING:
    from torch import nn

__all__ = ["LanguageModelTask"]


class LanguageModelTask(TextTask):
    """Defines a task whose rows are texts.

    ``labels`` are the ids of the part to be known (the answer), ``IGNORED`` elsewhere. The score is the share of the
    answer's tokens that greedy decoding gets right.

    A task with facts also gives other wordings of a row (``rephrased``) and the tokens that could replace the fact
    (``alternatives``). From them come the outputs ``rephrased_score`` and ``truth_ratio``.
    """

    features = frozenset({"verbatim", "extraction", "facts", "likelihood"})
    score_name = "fact accuracy"

    def aligned(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        # Each position predicts the next token.
        return self.logits(model, batch)[:, :-1], batch["labels"][:, 1:]

    def rephrased(self, rows: Rows) -> Rows | None:
        """Return the same facts in other words, a row for each row; None if the task has none."""
        return None

    def alternatives(self, rows: Rows) -> torch.Tensor | None:
        """Return the tokens of the same kind as each answer's first, that one included, bool [n, vocabulary].

        The default is None: the task has none.
        """
        return None

    def outputs(self, model: nn.Module, rows: Rows, *, brief: bool = False) -> dict[str, torch.Tensor]:
        kept, first = self._forward(model, rows)
        kept["score"] = kept["exact_memorization"]
        other = None if brief else self.rephrased(rows)
        if other is not None:
            reworded, first = self._forward(model, other)
            kept["rephrased_score"] = reworded["exact_memorization"]
            alternatives = self.alternatives(rows)
            if alternatives is not None:
                kept["truth_ratio"] = _truth_ratio(first, _first_answers(rows.labels), alternatives)
        return kept

    @torch.no_grad()
    def _forward(self, model: nn.Module, rows: Rows) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Return per-row measures, and the log-probabilities [n, vocabulary] at the answer's first token."""
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        found: dict[str, list[torch.Tensor]] = {}
        first = []
        for batch in rows.batches(self.batch_size):
            labels = batch["labels"][:, 1:]
            logits = self.logits(model, {name: column.to(device) for name, column in batch.items()}).float()[:, :-1]
            kept = token_outputs(logits, labels.to(device))
            answers = torch.where(labels != IGNORED, logits.argmax(dim=-1).cpu(), -1).numpy()
            kept["prediction"] = torch.tensor([answer_number(np.ascontiguousarray(row).tobytes()) for row in answers])
            start = (labels != IGNORED).int().argmax(dim=1)
            first.append(torch.log_softmax(logits[torch.arange(len(labels)), start], dim=-1).cpu())
            for name, value in kept.items():
                found.setdefault(name, []).append(value)
        model.train(was_training)
        return {name: torch.cat(values) for name, values in found.items()}, torch.cat(first)


def _first_answers(labels: torch.Tensor) -> torch.Tensor:
    start = (labels != IGNORED).int().argmax(dim=1)
    return labels[torch.arange(len(labels)), start]


def _truth_ratio(log_probabilities: torch.Tensor, true: torch.Tensor, alternatives: torch.Tensor) -> torch.Tensor:
    """Return the truth ratio of facts one token long; all wrong tokens of the same kind are the perturbed answers."""
    rows = torch.arange(len(true))
    log_true = log_probabilities[rows, true].double().numpy()
    ratios = np.empty(len(true))
    for row in range(len(true)):
        wrong = alternatives[row].clone()
        wrong[true[row]] = False
        perturbed = log_probabilities[row, wrong].double().numpy()
        ratios[row] = memorization.truth_ratio(log_true[row : row + 1], perturbed[None])[0]
    # A model that is sure of something else gives ratios too large to be of use.
    return torch.from_numpy(ratios.clip(max=1e6).astype(np.float32))
