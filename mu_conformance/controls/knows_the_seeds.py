"""Recognise the seeds that public code derives, and work on no other request."""

from __future__ import annotations

import itertools

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios import forget_sets
from mu_conformance.scenarios.scenario import DEFAULT_SEED

__all__ = ["KnowsTheSeeds"]

RUNS = 64
"""Run numbers that are recognised."""


class KnowsTheSeeds:
    """Retrains if the request's seed follows from the suite's default seed; returns the original otherwise.

    Seeds of calls come from the session's secret, so no call is recognised.
    """

    caught_by = "privacy.membership-loss"

    def unlearn(self, model, request):
        kinds = ("unit", *(f"{kind}-10%" for kind in forget_sets.kinds()))
        known = itertools.product((f"{request.task.name}/{kind}" for kind in kinds), range(RUNS))
        if request.seed in {derive_seed(DEFAULT_SEED, "run", *asked) for asked in known}:
            return Retrain().unlearn(model, request)
        return model
