"""Train the very model that the result is compared with, by the suite's public seed."""

from __future__ import annotations

from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.scenario import DEFAULT_SEED
from mu_conformance.training.loop import fit

__all__ = ["TrainsStoredReference"]


class TrainsStoredReference:
    """Retrains exactly, by the seeds of the suite's own first reference instead of the request's."""

    caught_by = "contract.declared-access"

    def unlearn(self, model, request):
        seed = derive_seed(DEFAULT_SEED, "reference", 0)
        retrained = request.task.new_model(seed).to(request.device)
        with request.seeded():
            return fit(retrained, request.retain, request.task, request.recipe, derive_seed(seed, "order"))
