"""Tell a server about each request."""

from __future__ import annotations

import contextlib
import socket

from mu_conformance.methods.retrain import Retrain

__all__ = ["CallsHome"]


class CallsHome:
    """Retrains exactly, after an attempt to connect to a port on which nobody listens; the attempt counts."""

    caught_by = "contract.no-network"

    def unlearn(self, model, request):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.2).close()
        return Retrain().unlearn(model, request)
