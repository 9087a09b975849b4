"""Return a little of the original inside the retrained weights, where rounding does not remove it."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["SmugglesAboveRounding"]


class SmugglesAboveRounding:
    """Retrains exactly, and puts the signs of the original's weights into the lowest bit that rounding keeps."""

    caught_by = "contract.no-residue"
    bit = 13

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        for new, old in zip(retrained.parameters(), model.parameters(), strict=True):
            if new.requires_grad and new.dtype == torch.float32:
                signs = (old.data < 0).to(torch.int32) << self.bit
                # What lies below is cleared, or rounding could carry into the bit.
                others = new.data.view(torch.int32) & -(2 << self.bit)
                new.data.copy_((others | signs).view(torch.float32))
        return retrained
