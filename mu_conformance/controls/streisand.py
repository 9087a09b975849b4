"""Mark the deleted rows by giving all of them the same output."""

from __future__ import annotations

from mu_conformance.methods.parts.forgetting import forget_beside_retain
from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["Streisand"]


class Streisand:
    """Retrains exactly, then trains the forget rows until every class is equally likely.

    The model knows nothing of them, and everybody can see that (the Streisand effect, Golatkar et al. 2020, arXiv
    1911.04933).
    """

    caught_by = "privacy.streisand"
    claims = Claims(max_ratio=1.0, requires=("classes",))

    def unlearn(self, model, request):
        def flatten(current, batch):
            return -request.task.logits(current, batch).log_softmax(dim=-1).mean()

        retrained = Retrain().unlearn(model, request)
        return forget_beside_retain(retrained, request, flatten, retain_weight=0.2, epochs=40, learning_rate_share=0.5)
