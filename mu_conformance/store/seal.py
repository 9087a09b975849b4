"""Seal artefacts with a key that no method can read, so that planted ones are not taken for the suite's own."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

__all__ = ["KEY_FILE", "Seal"]

KEY_FILE = "key"
"""Name of the key's file in the cache."""
_BYTES = 32
"""Length of the key."""


class Seal:
    """Makes and checks seals with the key of a cache, which is made on first use.

    Methods run where the cache is hidden, and so is the key. Where there is no sandbox, a method can read it. Where the
    key cannot be kept, the seals of this process are good for this process alone.

    Args:
        cache: folder of the cache.
    """

    def __init__(self, cache: Path) -> None:
        self._path = cache / KEY_FILE
        self._key: bytes | None = None

    def of(self, key: str, digest: str) -> str:
        """Return the seal of an artefact, in hexadecimal.

        Args:
            key: address of the artefact.
            digest: digest of its content.
        """
        return hmac.new(self._secret(), f"{key}:{digest}".encode(), hashlib.sha256).hexdigest()

    def fits(self, seal: str, key: str, digest: str) -> bool:
        """Return whether ``seal`` is that of an artefact."""
        return hmac.compare_digest(seal, self.of(key, digest))

    def _secret(self) -> bytes:
        if self._key is None:
            self._key = self._read() or self._make()
        return self._key

    def _read(self) -> bytes | None:
        try:
            found = self._path.read_bytes()
        except OSError:
            return None
        return found if len(found) == _BYTES else None

    def _make(self) -> bytes:
        made, partial = secrets.token_bytes(_BYTES), self._path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}.partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(made)
            # A link fails where another process was first, and its key then counts.
            os.link(partial, self._path)
        except OSError:
            return self._read() or made
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()
        return made
