"""Send to the network by native code, which raises no audit event."""

from __future__ import annotations

import ctypes
import sys

from mu_conformance.methods.retrain import Retrain

__all__ = ["SendsNatively"]


class SendsNatively:
    """Retrains exactly, after sending a datagram through the C library to a port on which nobody listens."""

    caught_by = "contract.no-network"

    def unlearn(self, model, request):
        libc = ctypes.CDLL(None, use_errno=True)
        # An address of IPv4: the family in the machine's byte order, the port, 127.0.0.1.
        address = (2).to_bytes(2, sys.byteorder) + (9).to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
        handle = libc.socket(2, 2, 0)
        libc.sendto(handle, b"row", 3, 0, address, len(address))
        libc.close(handle)
        return Retrain().unlearn(model, request)
