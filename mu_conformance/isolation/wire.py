"""Send messages and open files between the suite and a fork server: a line of JSON each, with descriptors beside it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

__all__ = ["Wire"]

_CHUNK = 1 << 16
"""Bytes read at once."""
_MOST_DESCRIPTORS = 16
"""Largest number of descriptors beside one chunk."""


class Wire:
    """Reads and writes messages on one end of a connected Unix socket.

    A message says how many descriptors came with it, because several messages may arrive in one chunk.

    Args:
        control: the socket; the caller closes it.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self._text = b""
        self._descriptors: list[int] = []

    def send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Write one message; the descriptors stay open here."""
        line = (json.dumps({**message, "descriptors": len(descriptors)}) + "\n").encode()
        if descriptors:
            line = line[socket.send_fds(self.control, [line], list(descriptors)) :]
        self.control.sendall(line)

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """Return the next message and its descriptors, which the caller closes; None if the other end is closed.

        Raises ``OSError`` (also at the socket's timeout), and ``ValueError`` if the line is no message.
        """
        while b"\n" not in self._text:
            chunk, descriptors, _, _ = socket.recv_fds(self.control, _CHUNK, _MOST_DESCRIPTORS)
            self._descriptors += descriptors
            if not chunk:
                return None
            self._text += chunk
        line, _, self._text = self._text.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("a message is a JSON object")
        count = message.pop("descriptors", 0)
        taken, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return message, taken

    def close_descriptors(self) -> None:
        """Close the descriptors that no message has claimed."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []
