"""The canonical scorecard.json: writing it so that a truncated one is seen, and reading it. Imports nothing heavy."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["SCHEMA", "ScorecardError", "read", "write"]

SCHEMA = "mu-conformance/scorecard/1"


class ScorecardError(ValueError):
    """A scorecard that cannot be read or does not add up; the message says where."""


def write(scorecard: Mapping[str, Any], path: Path) -> None:
    """Write atomically; ``complete`` is the document's last key, so a truncated file is invalid."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(scorecard, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def read(path: Path) -> dict[str, Any]:
    """Read a scorecard; ``ScorecardError`` if it is missing, truncated, incomplete or of another schema."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScorecardError(f"scorecard {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScorecardError(f"scorecard {path} is not valid JSON ({error}); was the run cut off?") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ScorecardError(f"{path} is not a scorecard of schema {SCHEMA}")
    if document.get("complete") is not True:
        raise ScorecardError(f"scorecard {path} is incomplete: the run did not end")
    return document
