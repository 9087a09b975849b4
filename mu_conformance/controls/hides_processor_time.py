"""Hide processor time in a child for which nobody waits."""

from __future__ import annotations

import contextlib
import os
import signal

from mu_conformance.methods.retrain import Retrain

__all__ = ["HidesProcessorTime"]

TIMES = 30
"""Number of retrainings in the child, enough to exceed what a call of the smallest task may take."""


class HidesProcessorTime:
    """Retrains exactly, after retraining many times in a forked child whose end it has the kernel forget."""

    caught_by = "cost.wall-clock"

    def unlearn(self, model, request):
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if (pid := os.fork()) == 0:
            for _ in range(TIMES):
                Retrain().unlearn(model, request)
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        signal.signal(signal.SIGCHLD, before)
        return Retrain().unlearn(model, request)
