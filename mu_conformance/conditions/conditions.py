"""Describe the conditions that MU-Bench varies beside task, forget set and method."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

__all__ = ["CURRICULA", "Conditions"]

CURRICULA = ("superloss",)
"""Names of the curricula."""


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Sets the conditions under which originals and references are made and methods run. By default there are none.

    Raises ``ValueError`` for a value outside its range.
    """

    lora_rank: int | None = None
    """Rank of the LoRA adapters, which alone are trained (``lora``), at least 1; None: no adapters."""
    curriculum: str | None = None
    """Curriculum by which rows of the training loss are weighed (``superloss``); None: equal weights."""
    budget: float | None = None
    """Limit of a call's FLOPs, as a share of retraining's, above 0 (``flops``); None: no limit."""
    shards: int | None = None
    """Number of members of each model, at least 2, each trained on its own shard (``shards``); None: a single model."""

    def __post_init__(self) -> None:
        if self.lora_rank is not None and self.lora_rank < 1:
            raise ValueError(f"the rank of LoRA adapters must be at least 1, got {self.lora_rank}")
        if self.curriculum is not None and self.curriculum not in CURRICULA:
            raise ValueError(f"unknown curriculum {self.curriculum!r}; the choices are: {', '.join(CURRICULA)}")
        if self.shards is not None and self.shards < 2:
            raise ValueError(f"an ensemble has two shards or more, got {self.shards}")
        if self.budget is not None and not 0 < self.budget < float("inf"):
            raise ValueError(f"a budget is a share of retraining's FLOPs above 0, got {self.budget:g}")

    @classmethod
    def parse(cls, peft: str = "", curriculum: str = "", budget: str = "", shards: str = "") -> Conditions:
        """Return the conditions written by a user: ``lora:8``, ``superloss``, ``0.2``, ``4``; empty for none.

        Raises ``ValueError`` for any other form.
        """
        rank, share, count = None, None, None
        if shards:
            if not shards.isdecimal():
                raise ValueError(f"shards are a number, such as 4; got {shards!r}")
            count = int(shards)
        if peft:
            found = re.fullmatch(r"lora:(\d+)", peft)
            if found is None:
                raise ValueError(f"adapters are written lora:R, R the rank, such as lora:8; got {peft!r}")
            rank = int(found[1])
        if budget:
            try:
                share = float(budget)
            except ValueError:
                raise ValueError(f"a budget is a share of retraining's FLOPs, such as 0.2; got {budget!r}") from None
        return cls(rank, curriculum or None, share, count)

    @property
    def of_training(self) -> dict[str, Any]:
        """Return the conditions that change a trained model, by name; empty if there are none."""
        found = {"lora_rank": self.lora_rank, "curriculum": self.curriculum, "shards": self.shards}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def suffix(self) -> str:
        """Return the end of a scenario's name, such as ``+lora-8+superloss+budget-0.2``."""
        parts = [
            f"lora-{self.lora_rank}" if self.lora_rank is not None else "",
            self.curriculum or "",
            f"shards-{self.shards}" if self.shards is not None else "",
            f"budget-{self.budget:g}" if self.budget is not None else "",
        ]
        return "".join(f"+{part}" for part in parts if part)

    @property
    def options(self) -> str:
        """Return the conditions as command-line options."""
        parts = [
            f" --mu-peft lora:{self.lora_rank}" if self.lora_rank is not None else "",
            f" --mu-curriculum {self.curriculum}" if self.curriculum else "",
            f" --mu-shards {self.shards}" if self.shards is not None else "",
            f" --mu-budget {self.budget:g}" if self.budget is not None else "",
        ]
        return "".join(parts)
