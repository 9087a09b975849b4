"""Task: data, model architecture, training recipe, loss and score; one module for each kind of task."""

from mu_conformance.task.base import RowOutputs, Task
from mu_conformance.task.classification import ClassificationTask
from mu_conformance.task.request import BatchLoader, RequestTask
from mu_conformance.task.rows import Rows, Splits, TaskError

__all__ = ["BatchLoader", "ClassificationTask", "RequestTask", "RowOutputs", "Rows", "Splits", "Task", "TaskError"]
