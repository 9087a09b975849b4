"""mu-conformance: a conformance test suite for machine unlearning.

``pytest --method mypkg:MyUnlearner`` judges a method, and so does ``judge("mypkg:MyUnlearner")`` from Python; see the
README. The public names load on first use, so that importing this package costs nothing in a repository that merely has
it installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mu_conformance.conditions.conditions import Conditions
    from mu_conformance.evidence.rounding import rounded
    from mu_conformance.judging.judge import JudgeError, judge
    from mu_conformance.protocol import Budget, Claims, DeletionRequest, Guarantee, TrainingRecipe, Unlearner
    from mu_conformance.scorecard.document import ScorecardError
    from mu_conformance.scorecard.scorecard import Scorecard
    from mu_conformance.tasks import (
        ClassificationTask,
        DiffusionTask,
        GenerationTask,
        LanguageModelTask,
        Rows,
        Splits,
        Task,
    )

    __version__: str

__all__ = [
    "Budget",
    "Claims",
    "ClassificationTask",
    "Conditions",
    "DeletionRequest",
    "DiffusionTask",
    "GenerationTask",
    "Guarantee",
    "JudgeError",
    "LanguageModelTask",
    "Rows",
    "Scorecard",
    "ScorecardError",
    "Splits",
    "Task",
    "TrainingRecipe",
    "Unlearner",
    "__version__",
    "judge",
    "rounded",
]

_NAMES = {
    "mu_conformance.conditions.conditions": ("Conditions",),
    "mu_conformance.evidence.rounding": ("rounded",),
    "mu_conformance.judging.judge": ("JudgeError", "judge"),
    "mu_conformance.protocol": ("Budget", "Claims", "DeletionRequest", "Guarantee", "TrainingRecipe", "Unlearner"),
    "mu_conformance.scorecard.document": ("ScorecardError",),
    "mu_conformance.scorecard.scorecard": ("Scorecard",),
    "mu_conformance.tasks": (
        "ClassificationTask",
        "DiffusionTask",
        "GenerationTask",
        "LanguageModelTask",
        "Rows",
        "Splits",
        "Task",
    ),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("mu-conformance")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
