"""Load checkpoints from a local copy or the hub, always from a folder, so that a method's process needs no network."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mu_conformance.tasks.hub import places
from mu_conformance.tasks.hub.errors import HubError, first_line

__all__ = ["folder_of", "loaded", "revision_of", "settings_of"]

FORM = "save_pretrained's folder or the repository's files"
"""Forms in which a local copy is read, for messages."""
FOREIGN = ("*.h5", "*.msgpack", "*.ot", "*.onnx", "*.tflite", "*.ckpt", "onnx/*", "openvino/*", "*.fp16.*", "*non_ema*")
"""Weights of other frameworks and precisions, which nothing here reads."""


def folder_of(checkpoint: str, parts: tuple[str, ...] = ()) -> Path:
    """Return the folder that holds a checkpoint, after a download if needed; ``HubError`` if it cannot be had.

    Args:
        checkpoint: OWNER/NAME.
        parts: subfolders that are used, for checkpoints of several models.
    """
    found = places.local_copy("checkpoint", checkpoint, FORM)
    if found is not None:
        return found
    from huggingface_hub import HfApi, snapshot_download

    try:
        return Path(snapshot_download(checkpoint, local_files_only=True))
    except Exception:  # not cached: whatever the reason, the hub is asked next
        places.require_hub("checkpoint", checkpoint)
    try:
        names = [file.rfilename for file in HfApi().model_info(checkpoint).siblings or ()]
        skipped = [*FOREIGN, *(["*.bin"] if any(name.endswith(".safetensors") for name in names) else [])]
        wanted = [f"{part}/*" for part in parts] or None
        return Path(snapshot_download(checkpoint, allow_patterns=wanted, ignore_patterns=skipped))
    except Exception as error:
        raise HubError(
            f"checkpoint {checkpoint} cannot be loaded from the hub ({first_line(error)}); check the connection and "
            f"your access to it, or put a copy at {checkpoint} below a folder and name the folder in "
            f"{places.ROOT_VARIABLE}"
        ) from None


@functools.cache
def revision_of(checkpoint: str) -> str:
    """Return the version of a checkpoint: the hub's commit, or a digest of a local copy's files."""
    folder = folder_of(checkpoint)
    if folder.parent.name == "snapshots":
        return folder.name
    sha = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        sha.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 24):
                sha.update(chunk)
    return sha.hexdigest()


def loaded(kind: Any, checkpoint: str, part: str | None = None, **options: Any) -> Any:
    """Return ``kind.from_pretrained`` of a checkpoint or a subfolder; ``HubError`` of one line if that fails."""
    folder = folder_of(checkpoint, (part,) if part else ())
    where = {"subfolder": part} if part else {}
    try:
        with _quiet():
            return kind.from_pretrained(str(folder), **where, **options)
    except Exception as error:
        name = getattr(kind, "__name__", str(kind))
        raise HubError(
            f"checkpoint {checkpoint} at {folder} cannot be loaded as {name} ({first_line(error)}); "
            f"make the copy again ({FORM})"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Turn off progress bars and the report of a freshly initialised head, which is as it should be."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def settings_of(checkpoint: str) -> dict[str, Any]:
    """Return the settings of the checkpoint's preprocessor; empty where there are none."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = folder_of(checkpoint) / name
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            return found.get("image_processor") or found.get("feature_extractor") or found
    return {}
