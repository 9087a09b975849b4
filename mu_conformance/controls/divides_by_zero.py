"""Scale weights by a ratio of importances that are both zero."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["DividesByZero"]


class DividesByZero:
    """Retrains exactly, then dampens a weight of zero importance by 0 / 0."""

    caught_by = "contract.finite"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        weight = next(parameter for parameter in retrained.parameters() if parameter.requires_grad)
        importance = torch.zeros(())
        with torch.no_grad():
            weight.view(-1)[0] *= importance / importance
        return retrained
