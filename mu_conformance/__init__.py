"""mu-conformance: a conformance test suite for machine unlearning.

``pytest --method mypkg:MyUnlearner`` judges a method; see the README. The public names load on first use, so that
importing this package costs nothing in a repository that merely has it installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mu_conformance.protocol import Budget, Claims, DeletionRequest, Guarantee, TrainingRecipe, Unlearner
    from mu_conformance.tasks import (
        ClassificationTask,
        DiffusionTask,
        GenerationTask,
        LanguageModelTask,
        Rows,
        Splits,
        Task,
    )

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "Claims",
    "ClassificationTask",
    "DeletionRequest",
    "DiffusionTask",
    "GenerationTask",
    "Guarantee",
    "LanguageModelTask",
    "Rows",
    "Splits",
    "Task",
    "TrainingRecipe",
    "Unlearner",
    "__version__",
]

_HOME = {
    **dict.fromkeys(
        ("Budget", "Claims", "DeletionRequest", "Guarantee", "TrainingRecipe", "Unlearner"), "mu_conformance.protocol"
    ),
    **dict.fromkeys(
        (
            "ClassificationTask",
            "DiffusionTask",
            "GenerationTask",
            "LanguageModelTask",
            "Rows",
            "Splits",
            "Task",
        ),
        "mu_conformance.tasks",
    ),
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
