"""Define tasks whose model writes a text for an input, such as a summary: encoder-decoder models."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mu_conformance.tasks.base import Task
from mu_conformance.tasks.rows import Rows, Splits, TaskError
from mu_conformance.tasks.tokens import IGNORED, answer_number, log_likelihood, token_outputs

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GenerationTask", "TextTask"]


class TextTask(Task):
    """Shares what tasks need whose labels are token ids [n, length], ``IGNORED`` where nothing is predicted."""

    batch_size = 128
    """Number of rows measured at once."""
    label_smoothing: float = 0.0
    """Label smoothing of the training loss, in which every token counts alike."""

    def check_rows(self, splits: Splits) -> None:
        for part, rows in splits.parts().items():
            if "labels" not in rows.columns:
                raise TaskError(f"task {self.name}: the {part} rows have no column 'labels'")
            labels = rows.labels
            if labels.dtype != torch.int64 or labels.ndim != 2:
                raise TaskError(
                    f"task {self.name}: labels of the {part} rows must be token ids, int64 [n, length], got "
                    f"{labels.dtype} {list(labels.shape)}"
                )
            if not bool((labels != IGNORED).any(dim=1).all()):
                raise TaskError(f"task {self.name}: a row of the {part} rows has no token to predict")

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if not self.label_smoothing:
            return super().loss(model, batch)
        logits, labels = self.aligned(model, batch)
        return functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, label_smoothing=self.label_smoothing
        )

    def row_losses(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean training loss of each row's tokens, float [n], differentiable."""
        logits, labels = self.aligned(model, batch)
        tokens = functional.cross_entropy(
            logits.transpose(1, 2), labels, ignore_index=IGNORED, label_smoothing=self.label_smoothing, reduction="none"
        )
        return tokens.sum(dim=1) / (labels != IGNORED).sum(dim=1)

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        logits, labels = self.aligned(model, batch)
        asked = labels != IGNORED
        return logits[asked], labels[asked]

    def aligned(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [n, length, vocabulary] and the labels [n, length] that they predict."""
        return self.logits(model, batch), batch["labels"]

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return log_likelihood(*self.aligned(model, batch))

    def answer_lengths(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return (batch["labels"] != IGNORED).sum(dim=1)


class GenerationTask(TextTask):
    """Defines a task whose rows have an input and a target text; the score is ROUGE-L of the greedily decoded text.

    The model is an encoder-decoder of transformers: ``model(input_ids, attention_mask, labels)`` and ``generate``.
    """

    features = frozenset({"verbatim", "extraction", "likelihood"})
    score_name = "ROUGE-L"
    longest_answer: int
    """Largest number of tokens generated."""

    @abc.abstractmethod
    def decode(self, ids: list[int]) -> str:
        """Return the text of token ids, special tokens left out, words separated by blanks."""

    @torch.no_grad()
    def outputs(self, model: nn.Module, rows: Rows, *, brief: bool = False) -> dict[str, torch.Tensor]:
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        found: dict[str, list[torch.Tensor]] = {}
        for batch in rows.batches(self.batch_size):
            on_device = {name: column.to(device) for name, column in batch.items()}
            kept = token_outputs(model(**on_device).logits.float(), on_device["labels"])
            if not brief:
                kept |= self._written(model, on_device)
            for name, value in kept.items():
                found.setdefault(name, []).append(value)
        model.train(was_training)
        return {name: torch.cat(values) for name, values in found.items()}

    def write(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> list[str]:
        """Return the greedily decoded texts for a batch of inputs."""
        inputs = {name: column for name, column in batch.items() if name != "labels"}
        generated = model.generate(  # type: ignore[operator]
            **inputs, max_new_tokens=self.longest_answer, do_sample=False, num_beams=1
        )
        return [self.decode(ids) for ids in generated.tolist()]

    def targets(self, rows: Rows) -> list[str]:
        """Return the target texts of rows."""
        return [self.decode([token for token in ids if token != IGNORED]) for ids in rows.labels.tolist()]

    def _written(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(["rougeL"], tokenizer=_Words())
        written, targets = self.write(model, batch), self.targets(Rows({"labels": batch["labels"].cpu()}))
        scores = [scorer.score(target, text)["rougeL"].fmeasure for target, text in zip(targets, written, strict=True)]
        return {
            "score": torch.tensor(scores, dtype=torch.float32),
            "prediction": torch.tensor([answer_number(text.encode()) for text in written]),
        }


class _Words:
    """Splits texts into the words of the task's own vocabulary, for rouge-score."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()
