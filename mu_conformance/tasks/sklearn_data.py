"""Data sets that scikit-learn bundles, read from its files: importing it takes over a second, in each of many processes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

__all__ = ["breast_cancer", "digits", "folder"]


def folder() -> Path:
    """Where scikit-learn keeps them; ``ModuleNotFoundError`` if it is not installed."""
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the embedded tasks use data that scikit-learn bundles: pip install scikit-learn")
    return Path(found.submodule_search_locations[0], "datasets", "data")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """``sklearn.datasets.load_digits``: images float64 [1797, 8, 8] in [0, 16], and what they show, int64 [1797]."""
    table = np.loadtxt(folder() / "digits.csv.gz", delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """``sklearn.datasets.load_breast_cancer``: measurements float64 [569, 30]; 0 malignant, 1 benign, int64 [569]."""
    table = np.loadtxt(folder() / "breast_cancer.csv", delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1].astype(np.int64)
