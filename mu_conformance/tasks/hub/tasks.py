"""Share what all tasks on published data need: a dataset, checkpoints by short name, and the benchmark's recipe."""

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
"""MU-Bench's recipe where it names no other: the defaults of transformers' Trainer."""
SMALLEST_UNIT = 20
"""Smallest number of rows of a deletion unit; fewer say too little."""


class HubTask(Task):
    """Defines a task on a published dataset, named as the embedded task that it replaces.

    A subclass also derives from its kind of task. The subclass gives ``build_model``, and ``rows_of`` or, where the
    published parts are dealt out otherwise, ``load_splits``. Both use ``part``, ``some_rows``, ``tokens`` and
    ``checkpoint``.

    Texts are tokenised for one architecture, so ``prepare`` chooses it before the data are loaded. The default is the
    first.
    """

    dataset: DataSet
    """The published dataset."""
    published_splits: tuple[str, ...] = ("train", "test")
    """Published splits that are read."""
    class_column = ""
    """Column of the ``num_classes`` published classes; empty where no column holds classes."""
    ood_data: DataSet | None = None
    """Dataset of another distribution, whose test split is read; None: none."""
    checkpoints: Mapping[str, str]
    """Hub id of the checkpoint of each architecture."""
    recipe = PUBLISHED_RECIPE
    data_parallel = True
    measured_at_once = True
    from_checkpoint = True
    every_class_occurs = False
    """False, because a limit of rows may leave some of the published classes without any."""

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
        """Load the parts of the task; ``HubError`` if a dataset or the checkpoint cannot be had or read.

        Rows are not read yet, so this takes seconds where everything is there.
        """
        data.row_limit()
        self.check_schema(self.opened)
        self.new_model(0, self.architecture)

    @functools.cached_property
    def opened(self) -> dict[str, datasets.Dataset]:
        """Return the splits that are read, by name, and ``ood``; a missing split or column is an error."""
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
        """Return the hub id of an architecture's checkpoint."""
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
        """Return the folders of the data, which a method has no business to read."""
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
        """Return all published training rows for training.

        Every second published test row is held out, beginning with the first. The others are the test rows.
        """
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
        """Return the model's inputs for these rows of a published split, at most ``MU_HUB_ROWS`` of them."""
        raise NotImplementedError(f"task {self.name} gives neither rows_of nor load_splits")

    def part(self, split: str, which: slice = slice(None)) -> datasets.Dataset:
        """Return these rows of a published split, at most ``MU_HUB_ROWS`` of them, equally many of each class."""
        rows = self.opened[split]
        rows = rows.select(np.arange(len(rows))[which])
        return self.some(rows, rows[self.class_column] if self.class_column else None)

    @staticmethod
    def some_rows(strata: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the indices of the rows used of a part: the first of each stratum in equal numbers.

        At most ``MU_HUB_ROWS`` are used.
        """
        return data.some_of(strata, data.row_limit())

    @classmethod
    def some(cls, rows: datasets.Dataset, strata: Sequence[int] | None = None) -> datasets.Dataset:
        """Return the rows used of a part (``some_rows``)."""
        chosen = cls.some_rows([0] * len(rows) if strata is None else strata)
        return rows if len(chosen) == len(rows) else rows.select(chosen)

    def tokens(self, texts: Sequence[str], length: int) -> dict[str, Any]:
        """Return ``input_ids`` and ``attention_mask``, int64 [n, length], from the architecture's tokenizer."""
        encoded = self.tokenizer(list(texts), max_length=length, padding="max_length", truncation=True)
        return _tensors(encoded)

    @property
    def tokenizer(self) -> Any:
        """Return the tokenizer of the chosen architecture's checkpoint."""
        from transformers import AutoTokenizer

        if self.__dict__.get("_tokenizer_of") != self.architecture:
            self._tokenizer = checkpoints.loaded(AutoTokenizer, self.checkpoint(self.architecture))
            self._tokenizer_of = self.architecture
        return self._tokenizer


def _tensors(encoded: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    return {name: torch.tensor(encoded[name], dtype=torch.int64) for name in ("input_ids", "attention_mask")}


def classifier(kind: Any, checkpoint: str, classes: int, **options: Any) -> Any:
    """Return a published backbone under a head of ``classes`` classes.

    The head is freshly initialised where the checkpoint has none of that size.
    """
    return checkpoints.loaded(
        kind, checkpoint, num_labels=classes, ignore_mismatched_sizes=True, dtype="float32", **options
    )


def units_named(names: Sequence[str], never: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the ``Splits`` arguments that describe deletion units.

    Args:
        names: name of each training row's unit.
        never: names of units that no request may name.
    """
    found = tuple(sorted(set(names)))
    number_of = {name: number for number, name in enumerate(found)}
    units = np.array([number_of[name] for name in names])
    not_asked = tuple(number_of[name] for name in never if name in number_of)
    return {"units": units, "unit_names": found, "deletable_units": deletable(units, len(found), never=not_asked)}


def deletable(units: np.ndarray, count: int, never: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return the units with enough rows to be measured and at most a tenth of all, ``never`` aside.

    Part of the rows (``MU_HUB_ROWS``) may have no such unit. The result is then the largest unit of at most a tenth,
    else the smallest.
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
