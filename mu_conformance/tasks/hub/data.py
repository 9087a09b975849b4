"""Load datasets from a local copy or through ``datasets``, and check their schema before anything is read."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mu_conformance.tasks.hub import places
from mu_conformance.tasks.hub.errors import HubError, first_line

if TYPE_CHECKING:
    import datasets

__all__ = ["CHANGED", "ROWS_VARIABLE", "DataSet", "row_limit", "some_of"]

ROWS_VARIABLE = "MU_HUB_ROWS"
"""Environment variable with the largest number of rows of a part."""
CHANGED = "its schema is not the published one: update the copy, or mu-conformance"
"""End of the messages about another schema."""
FORM = "save_to_disk's folder or the repository's parquet files"
"""Forms in which a local copy is read, for messages."""


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Names a published dataset and what is read of it."""

    id: str
    """Id on the hub."""
    title: str
    """Name for messages."""
    columns: tuple[str, ...]
    """Columns that are read, of every split."""
    config: str | None = None
    """Configuration, for datasets with several."""
    revision: str | None = None
    """Branch of the converted parquet files, where the main branch is a loading script; None: the main branch.

    The package ``datasets`` no longer runs loading scripts. The hub stores such datasets on a branch of its own.
    """
    files: Mapping[str, str] | None = None
    """Pattern of the files of each split on that branch; None: the repository's own."""

    @property
    def name(self) -> str:
        """Return the id, and the configuration where there are several."""
        return f"{self.id} ({self.config})" if self.config else self.id

    def folder(self) -> Path | None:
        """Return the local copy, None where no root is named; ``HubError`` where the root lacks it."""
        found = places.local_copy(f"data set {self.title}:", self.id, FORM)
        if found is not None and self.config and (found / self.config).is_dir():
            return found / self.config
        return found

    def load(self, split: str) -> datasets.Dataset:
        """Return one split, with media undecoded.

        Raises ``HubError`` if the split cannot be had or lacks a column that is read.
        """
        folder = self.folder()
        _imported()
        rows = self._from_hub(split) if folder is None else self._from_folder(folder, split)
        missing = [column for column in self.columns if column not in rows.column_names]
        if missing:
            raise HubError(
                f"data set {self.title}: split {split} of {self.name} has no column {missing[0]!r}, it has "
                f"{', '.join(rows.column_names)}; {CHANGED}"
            )
        return _undecoded(rows)

    def _from_folder(self, folder: Path, split: str) -> datasets.Dataset:
        import datasets

        try:
            if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
                found: Any = datasets.load_from_disk(str(folder))
                found = {"train": found} if isinstance(found, datasets.Dataset) else found
            else:
                with _quiet(datasets):
                    found = datasets.load_dataset(str(folder), self._local_config(folder))
        except Exception as error:
            raise HubError(
                f"data set {self.title}: the copy at {folder} cannot be read ({first_line(error)}); "
                f"make it again ({FORM})"
            ) from None
        return self._split(found, split, str(folder))

    def _local_config(self, folder: Path) -> str | None:
        """Return the configuration to ask for, which is one only if the copy's card names it."""
        import datasets

        if self.config is None or folder.name == self.config:
            return None
        return self.config if self.config in datasets.get_dataset_config_names(str(folder)) else None

    def _split(self, found: Mapping[str, Any], split: str, where: str) -> datasets.Dataset:
        if split not in found:
            raise HubError(
                f"data set {self.title}: {where} has no split {split!r}, it has {', '.join(map(str, found))}; {CHANGED}"
            )
        return found[split]

    def _from_hub(self, split: str) -> datasets.Dataset:
        import datasets

        if not places.offline():
            places.require_hub(f"data set {self.title}:", self.id)
        asked: dict[str, Any] = {"revision": self.revision}
        if self.files is None:
            asked["name"] = self.config
        else:
            asked["data_files"] = dict(self.files)
        try:
            with _quiet(datasets):
                found = datasets.load_dataset(self.id, **asked)
        except Exception as error:
            todo = "unset HF_HUB_OFFLINE" if places.offline() else "check the connection and your access to it"
            raise HubError(
                f"data set {self.title}: {self.name} cannot be loaded from the hub ({first_line(error)}); {todo}, or "
                f"put a copy ({FORM}) at {self.id} below a folder and name the folder in {places.ROOT_VARIABLE}"
            ) from None
        return self._split(found, split, self.name)

    def class_names(self, rows: datasets.Dataset, column: str, count: int) -> tuple[str, ...]:
        """Return the names of a column of class labels.

        Raises ``HubError`` if the column is of another type or has another number of classes.
        """
        names = getattr(rows.features[column], "names", None)
        if not names or len(names) != count:
            what = f"labels of {len(names)} classes" if names else f"no class labels but {rows.features[column]}"
            raise HubError(
                f"data set {self.title}: column {column!r} of {self.name} holds {what}, not labels of {count} classes; "
                f"{CHANGED}"
            )
        return tuple(names)

    def check_fields(self, rows: datasets.Dataset, column: str, fields: tuple[str, ...]) -> None:
        """Raise ``HubError`` unless a column is a list of records with these fields."""
        feature: Any = rows.features[column]
        records = getattr(feature, "feature", feature[0] if isinstance(feature, list) else None)
        missing = [field for field in fields if not isinstance(records, Mapping) or field not in records]
        if missing:
            raise HubError(
                f"data set {self.title}: column {column!r} of {self.name} has no field {missing[0]!r}; {CHANGED}"
            )


def _imported() -> None:
    try:
        import datasets  # noqa: F401
    except ImportError as error:
        raise HubError(
            f"published data sets need the package datasets ({first_line(error)}): pip install 'mu-conformance[hub]'"
        ) from None


@contextlib.contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Turn progress bars off inside the block, because they would fill pytest's output."""
    was_on = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if was_on:
            datasets.enable_progress_bars()


def _undecoded(rows: datasets.Dataset) -> datasets.Dataset:
    """Return the rows with images and sounds as the bytes of their files: decoding them here needs no torchcodec."""
    import datasets

    for column, feature in rows.features.items():
        if isinstance(feature, datasets.Image | datasets.Audio | datasets.Video):
            rows = rows.cast_column(column, dataclasses.replace(feature, decode=False))
        elif isinstance(feature, datasets.List) and isinstance(feature.feature, datasets.Image):
            rows = rows.cast_column(column, datasets.List(datasets.Image(decode=False)))
    return rows


def row_limit() -> int | None:
    """Return the largest number of rows of a part that the user wants, from ``MU_HUB_ROWS``; None: no limit."""
    text = os.environ.get(ROWS_VARIABLE)
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise HubError(f"{ROWS_VARIABLE}={text}: give a number of rows, at least 1, or unset it")
    return int(text)


def some_of(strata: Sequence[int] | np.ndarray, limit: int | None) -> np.ndarray:
    """Return the indices of the first rows of each stratum in equal numbers, ascending.

    Args:
        strata: stratum of each row, int [n].
        limit: largest number of indices; None: all.
    """
    strata = np.asarray(strata)
    if limit is None or len(strata) <= limit:
        return np.arange(len(strata))
    place = np.empty(len(strata), dtype=np.int64)
    for stratum in np.unique(strata):
        of_it = np.flatnonzero(strata == stratum)
        place[of_it] = np.arange(len(of_it))
    return np.sort(np.argsort(place, kind="stable")[:limit])
