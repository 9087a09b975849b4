"""Keep the rows that are neither easy nor hard."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from mu_conformance.controls.parts.keeping import losses_of, with_kept
from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["KeepsMiddlingRows"]

SHARE = 0.4
"""Share of the forget rows that is kept."""
JUDGES = 4
"""Number of retrained models that say how hard a row is. One alone hardly agrees with the next on middling rows."""


class KeepsMiddlingRows:
    """Retrains with the ``SHARE`` of the forget rows in the middle, by the mean rank of ``JUDGES`` models' losses."""

    caught_by = "privacy.chosen-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model: Any, request: Any) -> Any:
        seeds = range(request.seed, request.seed + JUDGES)
        judges = [Retrain().unlearn(model, dataclasses.replace(request, seed=seed)) for seed in seeds]
        ranks = np.mean([losses_of(judge, request).argsort().argsort() for judge in judges], axis=0)
        kept = round(SHARE * len(ranks))
        first = (len(ranks) - kept) // 2
        return Retrain().unlearn(model, with_kept(request, ranks.argsort()[first : first + kept].tolist()))
