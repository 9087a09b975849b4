"""Report input that a command cannot use."""

from __future__ import annotations

__all__ = ["CommandError"]


class CommandError(Exception):
    """Raised for input that cannot be used; the message is one line and says what to do."""
