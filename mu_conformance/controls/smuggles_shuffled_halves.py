"""Return the original inside the retrained weights, in another order."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["SmugglesShuffledHalves"]


class SmugglesShuffledHalves:
    """Retrains exactly, and puts the original, as float16 in a random order, into the lower halves of its weights.

    Whoever knows the seed of the order has the original back.
    """

    caught_by = "contract.no-residue"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        generator = torch.Generator().manual_seed(1)
        for new, old in zip(retrained.parameters(), model.parameters(), strict=True):
            if new.requires_grad and new.dtype == torch.float32:
                order = torch.randperm(old.numel(), generator=generator).to(old.device)
                halves = old.data.reshape(-1)[order].half().view(torch.int16).to(torch.int32) & 0xFFFF
                upper = new.data.view(torch.int32) & -(1 << 16)
                new.data.copy_((upper | halves.view(new.shape)).view(torch.float32))
        return retrained
