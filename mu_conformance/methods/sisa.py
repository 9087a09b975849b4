"""SISA: retrain only the shards that held the forget rows (Bourtoule et al. 2021)."""

from __future__ import annotations

import copy
from typing import Any

import torch

from mu_conformance.conditions.shards import Part, ShardedEnsemble, shard_numbers
from mu_conformance.protocol.claims import Claims, Guarantee
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.training.loop import fit

__all__ = ["SISA"]


class SISA:
    """Retrains the shards that held forget rows, and leaves all other members unchanged, bit for bit.

    theta_s = argmin L(theta_s; retain rows of shard s), for each shard s with a forget row (Bourtoule et al., S&P 2021,
    arXiv 1912.03817, without slices). The result is exact: no member has seen a row that is to be forgotten.

    Under ``--mu-shards`` the original is an ensemble of shards. Any other original counts as one shard, so it is
    retrained. Reads the inputs of the forget set, and the retain set with its labels.
    """

    claims = Claims(Guarantee.EXACT, max_ratio=1.0)

    def unlearn(self, model, request: DeletionRequest):
        fresh: Any = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            if not isinstance(model, ShardedEnsemble):
                return fit(fresh, request.retain, request.task, request.recipe, request.seed)
            found, shards = copy.deepcopy(model), len(model.members)
            kept = shard_numbers(request.retain, shards)
            for shard in shard_numbers(request.forget, shards).unique().tolist():
                rows = Part(request.retain, torch.nonzero(kept == shard).flatten())
                seed = derive_seed(request.seed, "shard", shard)
                found.members[shard] = fit(fresh.members[shard], rows, request.task, request.recipe, seed)
            return found.eval()
