"""Change the original in place, not a copy."""

from __future__ import annotations

from mu_conformance.training.loop import fit

__all__ = ["MutatesInput"]


class MutatesInput:
    """Retrains exactly, but writes the new weights into the original as well."""

    caught_by = "contract.input-model-unchanged"

    def unlearn(self, model, request):
        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            fit(retrained, request.retain, request.task, request.recipe, request.seed)
        model.load_state_dict(retrained.state_dict())
        return model
