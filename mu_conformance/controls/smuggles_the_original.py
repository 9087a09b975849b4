"""Return the original inside the retrained weights."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["SmugglesTheOriginal"]


class SmugglesTheOriginal:
    """Retrains exactly, and puts the upper 16 bits of the original's weights into the lower 16 of its own.

    By a shift, the original is back.
    """

    caught_by = "contract.no-residue"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        for new, old in zip(retrained.parameters(), model.parameters(), strict=True):
            if new.requires_grad and new.dtype == torch.float32:
                upper = new.data.view(torch.int32) & -(1 << 16)
                lower = (old.data.contiguous().view(torch.int32) >> 16) & 0xFFFF
                new.data.copy_((upper | lower).view(torch.float32))
        return retrained
