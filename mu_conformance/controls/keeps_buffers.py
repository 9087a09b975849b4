"""Leave the original's batch statistics in the model."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["KeepsBuffers"]


class KeepsBuffers:
    """Retrains exactly, but returns the new parameters with the original's buffers.

    The running statistics of batch normalisation then describe the features of the old weights, and the forget rows.
    """

    caught_by = "utility.retain-score"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        left = dict(model.named_buffers())
        for name, buffer in retrained.named_buffers():
            buffer.copy_(left[name])
        return retrained
