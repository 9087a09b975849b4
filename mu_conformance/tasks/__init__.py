"""Define tasks: data, model architecture, training recipe, loss and score; one module for each kind of task."""

from mu_conformance.tasks.base import RowOutputs, Task
from mu_conformance.tasks.classification import ClassificationTask
from mu_conformance.tasks.diffusion import DiffusionTask
from mu_conformance.tasks.generation import GenerationTask
from mu_conformance.tasks.language_model import LanguageModelTask
from mu_conformance.tasks.loader import BatchLoader
from mu_conformance.tasks.rows import Rows, Splits, TaskError
from mu_conformance.tasks.view import TaskView

__all__ = [
    "BatchLoader",
    "ClassificationTask",
    "DiffusionTask",
    "GenerationTask",
    "LanguageModelTask",
    "RowOutputs",
    "Rows",
    "Splits",
    "Task",
    "TaskError",
    "TaskView",
]
