"""Let models take rows as they are stored, by moving the scaling of pixels and sounds into the forward pass.

Stored rows are small (bytes, not floats), and the same for every architecture. The model is a transformers class in a
subclass whose ``forward`` prepares its inputs. Weights, configuration and ``model(**batch)`` are unchanged.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from mu_conformance.tasks.hub import checkpoints

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ImageScaling", "LogMel", "SoundScaling", "with_inputs"]


@functools.cache
def _subclass(kind: type) -> type:
    """Return a subclass of ``kind`` that prepares its inputs."""

    @functools.wraps(kind.forward)  # type: ignore[attr-defined]
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip(self._positional, args, strict=False)), **kwargs}
        return kind.forward(self, **self._prepare(given))  # type: ignore[attr-defined]

    parameters = tuple(inspect.signature(kind.forward).parameters)[1:]  # type: ignore[attr-defined]
    return type(kind.__name__, (kind,), {"forward": forward, "_positional": parameters, "__module__": kind.__module__})


def with_inputs(model: nn.Module, prepare: Callable[[dict[str, Any]], dict[str, Any]]) -> nn.Module:
    """Return the same model, with ``prepare`` applied to its inputs by name before the forward pass.

    ``copy.deepcopy`` copies the preparation too.
    """
    model.__class__ = _subclass(type(model))  # type: ignore[arg-type]
    model._prepare = prepare  # type: ignore[assignment]
    return model


class ImageScaling:
    """Scales ``pixel_values`` from bytes, uint8 [..., 3, h, w], to normalised floats of the checkpoint's size."""

    def __init__(self, checkpoint: str, config: Any) -> None:
        settings = checkpoints.settings_of(checkpoint)
        side = getattr(config, "image_size", None)
        # A convolutional network takes any size, and its configuration may name none.
        self.size = side if isinstance(side, int) else _asked_size(settings)
        self.mean = tuple(settings.get("image_mean") or (0.5, 0.5, 0.5))
        self.deviation = tuple(settings.get("image_std") or (0.5, 0.5, 0.5))

    def __call__(self, given: dict[str, Any]) -> dict[str, Any]:
        pixels = given.get("pixel_values")
        if pixels is None or pixels.is_floating_point():
            return given
        flat = pixels.reshape(-1, *pixels.shape[-3:]).float() / 255
        mean, deviation = (flat.new_tensor(values)[:, None, None] for values in (self.mean, self.deviation))
        flat = (flat - mean) / deviation
        if self.size is not None and flat.shape[-1] != self.size:
            flat = torch.nn.functional.interpolate(flat, (self.size, self.size), mode="bilinear", antialias=True)
        return {**given, "pixel_values": flat.reshape(*pixels.shape[:-2], *flat.shape[-2:])}


def _asked_size(settings: dict[str, Any]) -> int | None:
    """Return the side of the square made by a preprocessor: the cropped size, else the size resized to."""
    for name in ("crop_size", "size") if settings.get("do_center_crop") else ("size",):
        found = settings.get(name)
        if isinstance(found, int):
            return found
        side = (found.get("height") or found.get("shortest_edge")) if isinstance(found, dict) else None
        if side:
            return int(side)
    return None


class SoundScaling:
    """Scales ``input_values`` from 16-bit samples, int16 [n, samples], to floats.

    If the checkpoint asks for it, floats have zero mean and unit deviation.
    """

    def __init__(self, checkpoint: str) -> None:
        self.normalise = bool(checkpoints.settings_of(checkpoint).get("do_normalize", True))

    def __call__(self, given: dict[str, Any]) -> dict[str, Any]:
        samples = given.get("input_values")
        if samples is None or samples.is_floating_point():
            return given
        scaled = samples.float() / 32768
        if self.normalise:
            centred = scaled - scaled.mean(dim=-1, keepdim=True)
            scaled = centred / (scaled.var(dim=-1, keepdim=True, unbiased=False) + 1e-7).sqrt()
        return {**given, "input_values": scaled}


class LogMel:
    """Turns ``input_values`` of 16-bit samples into Whisper's ``input_features``, padded log-mel spectrograms."""

    WINDOW, HOP, RATE = 400, 160, 16_000
    """Window and hop, samples, and sampling rate, Hz."""

    def __init__(self, bins: int, frames: int) -> None:
        from transformers.audio_utils import mel_filter_bank

        self.samples = frames * self.HOP
        filters = mel_filter_bank(
            num_frequency_bins=1 + self.WINDOW // 2,
            num_mel_filters=bins,
            min_frequency=0.0,
            max_frequency=8000.0,
            sampling_rate=self.RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self.filters = torch.as_tensor(filters, dtype=torch.float32).T

    def __call__(self, given: dict[str, Any]) -> dict[str, Any]:
        samples = given.get("input_values")
        if samples is None:
            return given
        padded = torch.nn.functional.pad(samples.float() / 32768, (0, self.samples - samples.shape[-1]))
        window = torch.hann_window(self.WINDOW, device=padded.device)
        spectrum = (
            torch.stft(padded, self.WINDOW, self.HOP, window=window, return_complex=True)[..., :-1].abs().square()
        )
        mel = (self.filters.to(padded.device) @ spectrum).clamp(min=1e-10).log10()
        mel = torch.maximum(mel, mel.amax(dim=(1, 2), keepdim=True) - 8.0)
        others = {name: value for name, value in given.items() if name != "input_values"}
        return {**others, "input_features": (mel + 4.0) / 4.0}
