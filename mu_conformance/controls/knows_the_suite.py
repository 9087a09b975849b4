"""Recognise the suite's default requests, and work on no others."""

from __future__ import annotations

import itertools

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios import forget_sets
from mu_conformance.scenarios.scenario import DEFAULT_SEED

__all__ = ["KnowsTheSuite"]

RUNS = 64
"""Run numbers that are recognised."""


class KnowsTheSuite:
    """Retrains if the request's seed is one that the suite uses by default; returns the original otherwise.

    This imitates a method that returns weights prepared for that very original.
    """

    caught_by = "robustness.unseen-model"

    def unlearn(self, model, request):
        kinds = ("unit", *(f"{kind}-10%" for kind in forget_sets.kinds()))
        known = itertools.product((f"{request.task.name}/{kind}" for kind in kinds), range(RUNS))
        if request.seed in {derive_seed(DEFAULT_SEED, "run", *asked) for asked in known}:
            return Retrain().unlearn(model, request)
        return model
