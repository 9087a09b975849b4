"""Leave gradients switched off for whatever runs next."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["LeaksGradMode"]


class LeaksGradMode:
    """Retrains exactly, then switches gradients off, as for an evaluation, and forgets to switch them on again."""

    caught_by = "contract.global-state-unchanged"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        torch.set_grad_enabled(False)
        return retrained
