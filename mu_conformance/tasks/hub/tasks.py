"""What all tasks on published data share: a data set, checkpoints by short name, and the recipe of the benchmark."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks.base import Task
from mu_conformance.tasks.hub import checkpoints, data
from mu_conformance.tasks.hub.data import DataSet
from mu_conformance.tasks.hub.errors import HubError
from mu_conformance.tasks.rows import Rows, Splits

if TYPE_CHECKING:
    import datasets

__all__ = ["PUBLISHED_RECIPE", "HubTask", "classifier", "deletable", "units_named"]

PUBLISHED_RECIPE = TrainingRecipe(epochs=5, batch_size=32, learning_rate=5e-5, weight_decay=0.0, gradient_clip=1.0)
"""What MU-Bench trains with unless it says otherwise: the defaults of transformers' Trainer."""
SMALLEST_UNIT = 20
"""Rows that a deletion unit must have to be asked for: fewer say too little."""


class HubTask(Task):
    """A task on a published data set, named as the embedded task whose place it takes.

    A subclass (which also derives from its kind of task) gives ``rows_of``, or ``load_splits`` where the published
    parts are dealt out otherwise, and ``build_model``; both from ``part``, ``some_rows``, ``tokens`` and
    ``checkpoint``. Texts are tokenised as the chosen architecture wants them, so the architecture is chosen first
    (``prepare``; the first one if nobody does).
    """

    dataset: DataSet
    published_splits: tuple[str, ...] = ("train", "test")
    class_column = ""
    """The column of the published classes, ``num_classes`` of them; empty where no column holds classes."""
    ood_data: DataSet | None = None
    """A data set of another distribution, of which the test split is read."""
    checkpoints: Mapping[str, str]
    recipe = PUBLISHED_RECIPE
    data_parallel = True
    measured_at_once = True
    from_checkpoint = True
    every_class_occurs = False
    """Classes are the published ones; a limit of rows may leave some without any."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "checkpoints" in cls.__dict__:
            cls.architectures = tuple(cls.checkpoints)

    def __init__(self) -> None:
        self.architecture = self.architectures[0]

    def prepare(self, architecture: str) -> None:
        if architecture not in self.checkpoints:
            raise HubError(f"task {self.name}: no architecture {architecture!r}; it has {', '.join(self.checkpoints)}")
        if "splits" in self.__dict__ and architecture != self.architecture:
            raise HubError(
                f"task {self.name}: its rows were made for {self.architecture}; take a new task for {architecture}"
            )
        self.architecture = architecture

    def check_available(self) -> None:
        """Load what the task is made of; ``HubError`` if a data set or the checkpoint cannot be had or read.

        Rows are not read yet, so that this takes seconds where everything is there.
        """
        data.row_limit()
        self.check_schema(self.opened)
        self.new_model(0, self.architecture)

    @functools.cached_property
    def opened(self) -> dict[str, datasets.Dataset]:
        """The splits that are read, by name, and ``ood``: a missing split or column is an error."""
        found = {split: self.dataset.load(split) for split in self.published_splits}
        return found if self.ood_data is None else {**found, "ood": self.ood_data.load("test")}

    def check_schema(self, opened: Mapping[str, datasets.Dataset]) -> None:
        """Raise ``HubError`` if the columns do not hold what they should; called before anything is trained."""
        if self.class_column:
            for part, rows in opened.items():
                self._class_names(part, rows)

    def _class_names(self, part: str, rows: datasets.Dataset) -> tuple[str, ...]:
        published = self.ood_data if part == "ood" and self.ood_data is not None else self.dataset
        assert self.num_classes is not None
        return published.class_names(rows, self.class_column, self.num_classes)

    def checkpoint(self, architecture: str) -> str:
        """The hub id of an architecture's checkpoint."""
        return self.checkpoints[architecture]

    def provenance(self, architecture: str) -> dict[str, Any]:
        checkpoint = self.checkpoint(architecture)
        return {
            "data": self.dataset.name,
            "checkpoint": checkpoint,
            "revision": checkpoints.revision_of(checkpoint),
            "row_limit": data.row_limit(),
        }

    @property
    def data_folders(self) -> tuple[Path, ...]:
        """Where the data lie, which a method has no business to read."""
        found = [one.folder() for one in (self.dataset, self.ood_data) if one is not None]
        local = tuple(folder for folder in found if folder is not None)
        if local:
            return local
        cache = os.environ.get("HF_DATASETS_CACHE") or os.path.join(
            os.environ.get("HF_HOME", os.path.expanduser("~/.cache/huggingface")), "datasets"
        )
        return (Path(cache),)

    # -- rows ---------------------------------------------------------------------------------------------------

    def load_splits(self) -> Splits:
        """All published training rows; of the published test rows every second one is held out, the others are the test."""
        train = self.rows_of("train", slice(None))
        units: dict[str, Any] = {}
        if self.deletion_unit == "class":
            names = self._class_names("train", self.opened["train"])
            classes = train.labels.numpy()
            units = {"units": classes, "unit_names": names, "deletable_units": deletable(classes, len(names))}
        return Splits(
            train=train,
            holdout=self.rows_of("test", slice(0, None, 2)),
            test=self.rows_of("test", slice(1, None, 2)),
            ood=None if self.ood_data is None else self.rows_of("ood", slice(None)),
            **units,
        )

    def rows_of(self, split: str, which: slice) -> Rows:
        """What the model takes of these rows of a published split, no more than ``MU_HUB_ROWS``."""
        raise NotImplementedError(f"task {self.name} gives neither rows_of nor load_splits")

    def part(self, split: str, which: slice = slice(None)) -> datasets.Dataset:
        """These rows of a published split, no more than ``MU_HUB_ROWS`` and then as many of each class."""
        rows = self.opened[split]
        rows = rows.select(np.arange(len(rows))[which])
        return self.some(rows, rows[self.class_column] if self.class_column else None)

    @staticmethod
    def some_rows(strata: Sequence[int] | np.ndarray) -> np.ndarray:
        """Which rows of a part are taken, no more than ``MU_HUB_ROWS``: equally many of each stratum, the first ones."""
        return data.some_of(strata, data.row_limit())

    @classmethod
    def some(cls, rows: datasets.Dataset, strata: Sequence[int] | None = None) -> datasets.Dataset:
        """The rows of a part that are taken (``some_rows``)."""
        chosen = cls.some_rows([0] * len(rows) if strata is None else strata)
        return rows if len(chosen) == len(rows) else rows.select(chosen)

    def tokens(self, texts: Sequence[str], length: int) -> dict[str, Any]:
        """``input_ids`` and ``attention_mask``, int64 [n, length], as the architecture's tokenizer gives them."""
        encoded = self.tokenizer(list(texts), max_length=length, padding="max_length", truncation=True)
        return _tensors(encoded)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the chosen architecture's checkpoint."""
        from transformers import AutoTokenizer

        if self.__dict__.get("_tokenizer_of") != self.architecture:
            self._tokenizer = checkpoints.loaded(AutoTokenizer, self.checkpoint(self.architecture))
            self._tokenizer_of = self.architecture
        return self._tokenizer


def _tensors(encoded: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    return {name: torch.tensor(encoded[name], dtype=torch.int64) for name in ("input_ids", "attention_mask")}


def classifier(kind: Any, checkpoint: str, classes: int, **options: Any) -> Any:
    """A published backbone under a head of so many classes: the head is drawn where the checkpoint has none of that size."""
    return checkpoints.loaded(
        kind, checkpoint, num_labels=classes, ignore_mismatched_sizes=True, dtype="float32", **options
    )


def units_named(names: Sequence[str], never: tuple[str, ...] = ()) -> dict[str, Any]:
    """What ``Splits`` takes of deletion units, by the name of each training row's; ``never`` are not to be asked for."""
    found = tuple(sorted(set(names)))
    number_of = {name: number for number, name in enumerate(found)}
    units = np.array([number_of[name] for name in names])
    not_asked = tuple(number_of[name] for name in never if name in number_of)
    return {"units": units, "unit_names": found, "deletable_units": deletable(units, len(found), never=not_asked)}


def deletable(units: np.ndarray, count: int, never: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Units with enough rows to be measured and no more than a tenth of all, ``never`` aside.

    In a part of the rows (``MU_HUB_ROWS``) there may be none: then the largest of at most a tenth, else the smallest.
    """
    sizes = np.bincount(units, minlength=count)
    sizes[list(never)] = 0
    small_enough = (sizes > 0) & (sizes <= len(units) / 10)
    enough = small_enough & (sizes >= SMALLEST_UNIT)
    if enough.any():
        return tuple(int(unit) for unit in np.flatnonzero(enough))
    if small_enough.any():
        return (int(np.where(small_enough, sizes, 0).argmax()),)
    return (int(np.where(sizes > 0, sizes, len(units) + 1).argmin()),)
