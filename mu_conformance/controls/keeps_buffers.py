"""Leaves the original's batch statistics behind."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["KeepsBuffers"]


class KeepsBuffers:
    """Retrains exactly, then copies parameters alone into a model whose buffers stay the original's.

    Running statistics of batch normalisation are of the old weights' features and of the forget rows.
    """

    caught_by = "utility.retain-score"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        left = dict(model.named_buffers())
        for name, buffer in retrained.named_buffers():
            buffer.copy_(left[name])
        return retrained
