"""Find published things: local copies below ``MU_HUB_ROOT`` (closed networks), or the hub.

With ``MU_HUB_ROOT`` set, nothing else is used. A missing copy is then an error and is not downloaded.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

from mu_conformance.tasks.hub.errors import HubError, first_line

__all__ = ["ROOT_VARIABLE", "local_copy", "offline", "require_hub", "root"]

ROOT_VARIABLE = "MU_HUB_ROOT"
"""Environment variable with the folder of local copies."""
PROBE_SECONDS = 10.0
"""Seconds that the hub has to answer."""


def root() -> Path | None:
    """Return the folder of local copies, or None; ``HubError`` if it is named and is no folder."""
    named = os.environ.get(ROOT_VARIABLE)
    if not named:
        return None
    # A method's process works in a folder of its own: a relative path must mean the same there.
    folder = Path(named).expanduser().absolute()
    os.environ[ROOT_VARIABLE] = str(folder)
    if not folder.is_dir():
        raise HubError(
            f"{ROOT_VARIABLE}={named} is no folder; name the folder that holds OWNER/NAME copies, or unset it"
        )
    return folder


def local_copy(kind: str, name: str, form: str) -> Path | None:
    """Return the folder of a copy, None where no root is named; ``HubError`` if the root lacks it.

    Args:
        kind: kind of thing, for messages.
        name: OWNER/NAME.
        form: form of a copy, for messages.
    """
    where = root()
    if where is None:
        return None
    folder = where / name
    if not folder.is_dir():
        raise HubError(
            f"{kind} {name}: no copy at {folder}; put one there ({form}), or unset "
            f"{ROOT_VARIABLE} to load it from the hub"
        )
    return folder


def offline() -> bool:
    """Return whether the user keeps the hub's own libraries off the network."""
    import huggingface_hub.constants

    return bool(huggingface_hub.constants.HF_HUB_OFFLINE)


def require_hub(kind: str, name: str) -> None:
    """Raise ``HubError`` unless the hub answers.

    Ask this first, because the hub's libraries retry for minutes.
    """
    import huggingface_hub.constants

    instead = f"or put a copy at OWNER/NAME below a folder and name the folder in {ROOT_VARIABLE}"
    if offline():
        raise HubError(f"{kind} {name} is not cached and HF_HUB_OFFLINE is set; unset HF_HUB_OFFLINE, {instead}")
    endpoint = huggingface_hub.constants.ENDPOINT
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return  # any answer will do, whatever it says of this page
    except (OSError, ValueError) as error:
        reason = (
            first_line(getattr(error, "reason", None) or error) if isinstance(error, OSError) else first_line(error)
        )
        raise HubError(
            f"{kind} {name}: the hub at {endpoint} cannot be reached ({reason}); connect to it, set HF_HUB_OFFLINE=1 "
            f"to use what is cached, {instead}"
        ) from None
