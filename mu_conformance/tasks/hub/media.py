"""Decode images and sounds to tensors of fixed size, from the bytes of their files."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mu_conformance.tasks.hub.errors import HubError, first_line

if TYPE_CHECKING:
    import torch

__all__ = ["image", "images", "sound"]

RATE = 16_000
"""Sampling rate of all sounds, Hz."""


def _bytes(record: Mapping[str, Any], title: str) -> bytes:
    """Return the bytes of a record's file."""
    if not isinstance(record, Mapping) or not ({"bytes", "path"} & set(record)):
        raise HubError(
            f"data set {title}: {type(record).__name__} where the bytes of a file should be; is the copy current?"
        )
    content = record.get("bytes")
    if content is not None:
        return content
    try:
        with open(str(record["path"]), "rb") as file:
            return file.read()
    except OSError as error:
        raise HubError(
            f"data set {title}: {record['path']} cannot be read ({error.strerror}); make the copy again"
        ) from None


def image(record: Mapping[str, Any], size: int, title: str) -> np.ndarray:
    """Return one image as RGB, uint8 [3, size, size], squeezed if it is not square."""
    try:
        from PIL import Image
    except ImportError:
        raise HubError("published images need the package pillow: pip install 'mu-conformance[hub]'") from None
    try:
        with Image.open(io.BytesIO(_bytes(record, title))) as picture:
            rgb = picture.convert("RGB")
            if rgb.size != (size, size):
                rgb = rgb.resize((size, size), Image.Resampling.BICUBIC)
            return np.asarray(rgb, dtype=np.uint8).transpose(2, 0, 1)
    except HubError:
        raise
    except Exception as error:
        raise HubError(
            f"data set {title}: an image cannot be read ({first_line(error)}); make the copy again"
        ) from None


def images(records: Iterable[Mapping[str, Any]], count: int, size: int, title: str) -> torch.Tensor:
    """Return ``count`` images, uint8 [count, 3, size, size]."""
    import torch

    found = torch.empty((count, 3, size, size), dtype=torch.uint8)
    for row, record in enumerate(records):
        found[row] = torch.from_numpy(image(record, size, title).copy())
    return found


def sound(record: Mapping[str, Any], samples: int, title: str) -> np.ndarray:
    """Return one sound at 16 kHz, int16 [samples]: a shorter one followed by silence, or the middle of a longer one."""
    pcm, rate = _decoded(_bytes(record, title), title)
    if rate != RATE:
        from scipy.signal import resample_poly

        pcm = np.clip(resample_poly(pcm.astype(np.float64), RATE, rate), -32768, 32767).astype(np.int16)
    start = max(0, (len(pcm) - samples) // 2)
    found = np.zeros(samples, dtype=np.int16)
    found[: min(samples, len(pcm))] = pcm[start : start + samples]
    return found


def _decoded(content: bytes, title: str) -> tuple[np.ndarray, int]:
    """Return mono int16 samples and their rate.

    16-bit WAV files need no package. All others need soundfile.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            if file.getsampwidth() == 2:
                pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, file.getnchannels())
                return _mono(pcm), file.getframerate()
    except (wave.Error, EOFError):
        pass
    try:
        import soundfile
    except ImportError:
        raise HubError(
            f"data set {title}: a sound is no 16-bit WAV file, and reading others needs the package soundfile: "
            "pip install soundfile"
        ) from None
    try:
        pcm, rate = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    except Exception as error:
        raise HubError(f"data set {title}: a sound cannot be read ({first_line(error)}); make the copy again") from None
    return _mono(pcm), int(rate)


def _mono(pcm: np.ndarray) -> np.ndarray:
    return pcm[:, 0] if pcm.shape[1] == 1 else pcm.astype(np.int32).mean(axis=1).astype(np.int16)
