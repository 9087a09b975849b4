"""Write wrong labels into the rows of the request."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["RelabelsInPlace"]


class RelabelsInPlace:
    """Retrains exactly, after writing other labels into the forget rows, which are views of the data set."""

    caught_by = "contract.data-unchanged"
    claims = Claims(requires=("classes",))

    def unlearn(self, model, request):
        for row in range(len(request.forget)):
            labels = request.forget[row]["labels"]
            labels.copy_((labels + 1) % request.task.num_classes)
        return Retrain().unlearn(model, request)
