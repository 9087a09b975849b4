"""Connect while the method is constructed, before any call."""

from __future__ import annotations

import contextlib
import socket

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["ConnectsWhenMade"]


class ConnectsWhenMade:
    """Tries to report to a server when it is constructed, and retrains exactly."""

    caught_by = "contract.no-network"
    claims = Claims(max_ratio=1.0)

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            socket.create_connection(("192.0.2.1", 9), timeout=0.1).close()

    def unlearn(self, model, request):
        return Retrain().unlearn(model, request)
