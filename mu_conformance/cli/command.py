"""What a command raises when its input cannot be used."""

from __future__ import annotations

__all__ = ["CommandError"]


class CommandError(Exception):
    """Input that cannot be used; the message is one line and says what to do."""
