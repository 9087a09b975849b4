"""Task: data, model architecture, training recipe, loss and score; one module for each kind of task."""

from mu_conformance.task.base import RowOutputs, Task
from mu_conformance.task.classification import ClassificationTask
from mu_conformance.task.diffusion import DiffusionTask
from mu_conformance.task.generation import GenerationTask
from mu_conformance.task.language_model import LanguageModelTask
from mu_conformance.task.request import BatchLoader, RequestTask
from mu_conformance.task.rows import Rows, Splits, TaskError

__all__ = [
    "BatchLoader",
    "ClassificationTask",
    "DiffusionTask",
    "GenerationTask",
    "LanguageModelTask",
    "RequestTask",
    "RowOutputs",
    "Rows",
    "Splits",
    "Task",
    "TaskError",
]
