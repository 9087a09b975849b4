"""Remove most of the poisoned rows, which leaves the backdoor working."""

from __future__ import annotations

from mu_conformance.controls.parts.retraining import retrain_keeping

__all__ = ["LeavesTheTrigger"]


class LeavesTheTrigger:
    """Retrains on the retain set and every third forget row, so that few triggered rows still teach the trigger."""

    caught_by = "forgetting.backdoor"
    kind = "backdoored"

    def unlearn(self, model, request):
        return retrain_keeping(request, range(0, len(request.forget), 3))
