"""Read the datasets that scikit-learn bundles from its files.

Importing scikit-learn takes over a second, in each of many processes.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

__all__ = ["breast_cancer", "digits", "folder"]


def folder() -> Path:
    """Return the folder where scikit-learn stores its datasets; ``ModuleNotFoundError`` if it is not installed."""
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the embedded tasks use data that scikit-learn bundles: pip install scikit-learn")
    return Path(found.submodule_search_locations[0], "datasets", "data")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return ``load_digits`` of scikit-learn: images float64 [1797, 8, 8] in [0, 16], and digits int64 [1797]."""
    table = np.loadtxt(folder() / "digits.csv.gz", delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """Return ``load_breast_cancer`` of scikit-learn: float64 [569, 30], and 0 malignant or 1 benign, int64 [569]."""
    table = np.loadtxt(folder() / "breast_cancer.csv", delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1].astype(np.int64)
