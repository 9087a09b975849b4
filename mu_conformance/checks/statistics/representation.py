"""Statistics of how a model represents rows."""

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
    """Linear CKA of how a model represents forget and holdout rows with how each of the others does, their mean; in [0, 1].

    With a model that represents all rows alike it is 0, and of two such models 1.
    """
    return float(np.mean([_alignment(own, other) for other in others]))


def _alignment(own: Outputs, other: Outputs) -> float:
    key = ("alignment", id(other))
    if key not in own.memo:
        mine, theirs = (outputs["representation"]["sketch"].astype(np.float64) for outputs in (own, other))
        constant = [np.ptp(sketch, axis=0).max() == 0 for sketch in (mine, theirs)]
        found = float(all(constant)) if any(constant) else representation.linear_cka(mine, theirs)
        own.memo[key] = other, found  # which keeps the other, so that its id is not another's one day
    return own.memo[key][1]
