"""Leave a program running."""

from __future__ import annotations

import subprocess
import sys

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["LeavesProcess"]


class LeavesProcess:
    """Retrains exactly, and leaves a program behind that would go on working after the call."""

    caught_by = "contract.global-state-unchanged"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        return Retrain().unlearn(model, request)
