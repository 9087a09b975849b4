"""Attack membership by a classifier, fitted to retain and test rows and applied to the forget rows.

These attacks are here for comparison with the literature, as their papers define them. They judge a population, not a
row. They have no target value: exact retraining's value depends on how well the model generalises.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from mu_conformance.measures import arrays

__all__ = ["entropy_attack", "svc_attack"]


def _predicted_member(members: np.ndarray, others: np.ndarray, questioned: np.ndarray) -> float:
    """Return the share of ``questioned`` rows that a support vector classifier takes for members; features [., d]."""
    from sklearn.svm import SVC  # Here, because loading scikit-learn takes a second, and other measures do not need it.

    features = np.concatenate([members, others])
    # Up to rounding errors, because a classifier would fit to these.
    if np.ptp(features, axis=0).max() <= 1e-12 * max(1.0, np.abs(features).max()):
        raise ValueError("the features of retain and test rows are all the same: need some that vary")
    truth = np.repeat([1, 0], [len(members), len(others)])
    return float(SVC(C=3, gamma="auto", kernel="rbf").fit(features, truth).predict(questioned).mean())


def _features(values: np.ndarray, name: str, width: int | None = None) -> np.ndarray:
    values = np.asarray(values, float)
    return arrays.matrix(values[:, None] if values.ndim == 1 else values, name, columns=width)


def svc_attack(retain: np.ndarray, test: np.ndarray, forget: np.ndarray) -> float:
    """Return the share of forget rows that a classifier does not take for members, in [0, 1]: MIA-Efficacy.

    Sources: Jia et al. 2023 (arXiv 2304.04934); Fan et al. 2024 (SalUn, arXiv 2310.12508). A support vector classifier
    (RBF, C = 3, gamma = 1 / d) learns to tell retain rows (members) from test rows. The sample is balanced: the first
    min(r, t) rows of each, so pass rows in random order. The value is 1 - mean predicted member over forget rows.

    Args:
        retain: a feature of each retain row under the unlearned model, [r] or [r, d]. In the papers the feature is the
            probability of the label.
        test: the same of test rows [t, ...].
        forget: the same of forget rows [f, ...].

    Raises:
        ValueError: other shapes, NaN, no rows on one side, or features that are the same on all retain and test rows.
    """
    members = _features(retain, "retain")
    others, questioned = (_features(x, name, members.shape[1]) for x, name in ((test, "test"), (forget, "forget")))
    size = min(len(members), len(others))
    return 1 - _predicted_member(members[:size], others[:size], questioned)


def entropy_attack(retain: np.ndarray, test: np.ndarray, forget: np.ndarray) -> float:
    """Return the share of forget rows that a classifier of entropies takes for members, in [0, 1].

    Sources: Golatkar et al. 2020 (arXiv 2003.02960); Chundawat et al. 2023 (Bad Teaching, arXiv 2205.08096). A support
    vector classifier (RBF, C = 3, gamma = 1) learns to tell retain rows (members) from test rows. The feature is the
    entropy of a row's probabilities, in nats. All rows are used: where one side has many more rows, the classifier may
    always predict that side.

    Args:
        retain: probabilities of retain rows under the unlearned model [r, classes].
        test: the same of test rows [t, classes].
        forget: the same of forget rows [f, classes].

    Raises:
        ValueError: other shapes, rows that are no distributions, or entropies equal on all retain and test rows.
    """
    retain = arrays.probabilities(retain, "retain")
    sides = [retain, *(arrays.probabilities(x, n, retain.shape[1]) for x, n in ((test, "test"), (forget, "forget")))]
    members, others, questioned = (entr(side).sum(axis=1)[:, None] for side in sides)
    return _predicted_member(members, others, questioned)
