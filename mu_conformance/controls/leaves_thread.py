"""Leave a thread running."""

from __future__ import annotations

import threading

from mu_conformance.methods.retrain import Retrain

__all__ = ["LeavesThread"]


class LeavesThread:
    """Retrains exactly, and leaves behind a thread that outlives the call."""

    caught_by = "contract.global-state-unchanged"

    def unlearn(self, model, request):
        threading.Thread(target=threading.Event().wait, args=(60,), daemon=True, name="left behind").start()
        return Retrain().unlearn(model, request)
