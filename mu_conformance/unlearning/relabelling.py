"""Forget rows under other labels than their own."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["Relabelled", "other_labels"]


def other_labels(dataset: Any, classes: int | None, generator: torch.Generator) -> torch.Tensor:
    """A label for each row, drawn uniformly from the classes that are not its own, int64 [n].

    Raises ``ValueError`` where there are no two classes to choose from.
    """
    if classes is None or classes < 2:
        raise ValueError(f"other labels need two classes or more to choose from, and the task has {classes or 'none'}")
    true = torch.tensor([int(dataset[row]["labels"]) for row in range(len(dataset))], dtype=torch.int64)
    shift = torch.randint(1, classes, (len(true),), generator=generator)
    return (true + shift).remainder(classes)


class Relabelled:
    """Retain rows as they are, then forget rows with these labels, int64 [n]; the handed rows are never written to."""

    def __init__(self, retain: Any, forget: Any, labels: torch.Tensor) -> None:
        self.retain, self.forget, self.labels = retain, forget, labels

    def __len__(self) -> int:
        return len(self.retain) + len(self.forget)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        if index < len(self.retain):
            return self.retain[index]
        position = index - len(self.retain)
        return {**self.forget[position], "labels": self.labels[position]}
