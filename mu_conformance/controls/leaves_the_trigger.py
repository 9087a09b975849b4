"""Takes out most of what was poisoned, which leaves the backdoor as it was."""

from __future__ import annotations

from mu_conformance.controls.parts.retraining import retrain_keeping

__all__ = ["LeavesTheTrigger"]


class LeavesTheTrigger:
    """Retrains on the retain set and every third forget row: so few rows with a trigger teach it all the same."""

    caught_by = "forgetting.backdoor"
    kind = "backdoored"

    def unlearn(self, model, request):
        return retrain_keeping(request, range(0, len(request.forget), 3))
