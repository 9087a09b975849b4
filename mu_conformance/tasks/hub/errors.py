"""Report a missing dataset, an unreachable hub or a changed schema."""

from __future__ import annotations

from mu_conformance.tasks.rows import TaskError

__all__ = ["HubError", "first_line"]


class HubError(TaskError):
    """Raised when published data or a checkpoint cannot be had; one line that names it and says what to do."""


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's text, for a message of one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
