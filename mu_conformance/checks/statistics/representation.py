"""Compute statistics of the representations of rows."""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.statistics.caching import AgainstOthers
from mu_conformance.evidence.base import Others
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.measures import representation
from mu_conformance.scenarios.scenario import Scenario

__all__ = ["representation_alignment"]


@AgainstOthers
def representation_alignment(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Compute the mean linear CKA of a model's representations with those of each other model, in [0, 1].

    The representations are those of forget and holdout rows. Against a model that represents all rows alike the CKA
    is 0, and between two models of this kind 1.
    """
    return float(np.mean([_alignment(own, other) for other in others]))


def _alignment(own: Outputs, other: Outputs) -> float:
    key = ("alignment", id(other))
    if key not in own.memo:
        mine, theirs = (outputs["representation"]["sketch"].astype(np.float64) for outputs in (own, other))
        constant = [np.ptp(sketch, axis=0).max() == 0 for sketch in (mine, theirs)]
        found = float(all(constant)) if any(constant) else representation.linear_cka(mine, theirs)
        # The other model is kept with the value, because its id could otherwise be reused by another model.
        own.memo[key] = other, found
    return own.memo[key][1]
