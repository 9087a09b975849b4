"""scikit-learn's data sets come out as its own loaders give them, without importing it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from mu_conformance.tasks import sklearn_data as bundled


def test_digits_are_those_of_scikit_learn():
    images, shown = bundled.digits()
    expected = load_digits()
    assert images.dtype == expected.images.dtype
    np.testing.assert_array_equal(images, expected.images)
    np.testing.assert_array_equal(shown, expected.target)


def test_breast_cancer_is_that_of_scikit_learn():
    measured, benign = bundled.breast_cancer()
    expected = load_breast_cancer()
    np.testing.assert_array_equal(measured, expected.data)
    np.testing.assert_array_equal(benign, expected.target)


@pytest.mark.parametrize("task", ["image_classification", "action_recognition", "tabular", "text_to_image"])
def test_a_task_is_loaded_without_importing_scikit_learn(task):
    script = f"""
import sys
from mu_conformance.tasks import registry
registry.find_task({task!r}).splits
print("sklearn" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        bundled.digits()
