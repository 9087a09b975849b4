"""Hand rows to a program that sends them away."""

from __future__ import annotations

import subprocess
import sys

from mu_conformance.methods.retrain import Retrain

__all__ = ["SendsByAProgram"]

PROGRAM = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"


class SendsByAProgram:
    """Retrains exactly, after a program that it starts tried to connect to a port on which nobody listens."""

    caught_by = "contract.no-network"

    def unlearn(self, model, request):
        subprocess.run([sys.executable, "-S", "-c", PROGRAM], capture_output=True, check=False)
        return Retrain().unlearn(model, request)
