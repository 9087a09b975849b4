"""Define tasks whose model makes an image for a prompt: denoising diffusion models."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from mu_conformance.tasks.base import RowOutputs, Task
from mu_conformance.tasks.rows import Rows, Splits, TaskError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["DiffusionTask"]


class DiffusionTask(Task):
    """Defines a task whose rows are images with prompts; the score is the share recognised as what was asked for.

    The model is called ``model(pixel_values, input_ids, noise, timesteps)``. In training it takes the last two from
    torch's global generator; when a row is measured they are given. ``.logits`` is the model's prediction (noise, image
    or velocity), ``.target`` its target, ``.loss`` the mean squared error. ``model.generate(input_ids, noise)`` makes
    images.

    A row's loss is measured at fixed noise and timesteps, the same for every model, as in Carlini et al. 2023 (arXiv
    2301.13188). ``concepts`` are what rows' prompts ask for, int64 [n].
    """

    features = frozenset({"concepts", "relabelling"})
    score_name = "agreement"
    timesteps: tuple[int, ...]
    """Timesteps at which a row's loss is measured."""
    generated_rows = 100
    """Number of rows of a part, the first ones, that get generated images; the others have their mean score."""
    batch_size = 256
    """Number of rows measured at once."""

    def score_tells(self, kind: str) -> bool:
        """Return whether the deletion of such rows changes the score.

        Generated images show a concept, not a row, so only the deletion of a whole concept changes them.
        """
        return kind == "unit"

    def check_rows(self, splits: Splits) -> None:
        for part, rows in splits.parts().items():
            missing = {"pixel_values", "input_ids"} - rows.columns.keys()
            if missing:
                raise TaskError(f"task {self.name}: the {part} rows have no column {min(missing)!r}")

    @abc.abstractmethod
    def concepts(self, rows: Rows) -> np.ndarray:
        """Return the concept that each row's prompt asks for, int64 [n]."""

    @abc.abstractmethod
    def recognise(self, images: torch.Tensor) -> np.ndarray:
        """Return the concept that a classifier sees in each image, int64 [n]; images [n, channels, height, width]."""

    def fixed_noise(self, shape: torch.Size | tuple[int, ...], number: int) -> torch.Tensor:
        """Return the same noise for every model, a function of the shape and of a number."""
        return torch.randn(shape, generator=torch.Generator().manual_seed(number))

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        pixels = batch["pixel_values"]
        noise = self.fixed_noise(pixels.shape, 0).to(pixels.device)
        middle = self.timesteps[len(self.timesteps) // 2]
        at = torch.full((len(pixels),), middle, device=pixels.device)
        return model(**batch, noise=noise, timesteps=at).logits

    def row_losses(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        predicted = model(**batch)
        return (predicted.logits - predicted.target).square().flatten(1).mean(dim=1)

    def losses(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        """Return half the log of each row's mean squared error, float [n], nats.

        Up to a constant this is the negative log-likelihood of a pixel under Gaussian noise of the row's own size.
        Squared errors themselves are dominated by the few rows that a model finds hard. With a digit deleted, the
        originals lie 4 to 10 reference deviations away by squared errors, and 10 to 25 by their logs.
        """
        return 0.5 * np.log(np.maximum(np.asarray(outputs["loss"], dtype=np.float64), 1e-12))

    @torch.no_grad()
    def outputs(self, model: nn.Module, rows: Rows, *, brief: bool = False) -> dict[str, torch.Tensor]:
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        errors = torch.zeros(len(rows))
        for number, timestep in enumerate(self.timesteps):
            noise = self.fixed_noise(rows.columns["pixel_values"].shape, number + 1)
            start = 0
            for batch in rows.batches(self.batch_size):
                size = len(batch["input_ids"])
                given = noise[start : start + size].to(device)
                on_device = {name: column.to(device) for name, column in batch.items()}
                at = torch.full((size,), timestep, device=device)
                predicted = model(**on_device, noise=given, timesteps=at)
                squared = (predicted.logits - predicted.target).float().flatten(1).square().mean(dim=1)
                errors[start : start + size] += squared.cpu() / len(self.timesteps)
                start += size
        kept = {"loss": errors, "confidence": -errors.clamp(min=1e-12).log()}
        if not brief:
            kept |= self._drawn(model, rows)
        model.train(was_training)
        return kept

    def generate(self, model: nn.Module, rows: Rows) -> torch.Tensor:
        """Return an image for each row's prompt, [n, channels, height, width].

        The noise is the same for every model.
        """
        device = next(model.parameters()).device
        noise = self.fixed_noise(rows.columns["pixel_values"].shape, len(self.timesteps) + 1).to(device)
        with torch.no_grad():
            return model.generate(rows.columns["input_ids"].to(device), noise).cpu()  # type: ignore[operator]

    def _drawn(self, model: nn.Module, rows: Rows) -> dict[str, torch.Tensor]:
        some = rows.select(range(min(self.generated_rows, len(rows))))
        seen = self.recognise(self.generate(model, some))
        right = (seen == self.concepts(some)).astype(np.float32)
        # Rows without an image get the mean score, and the other rows' predictions over again.
        score = np.full(len(rows), right.mean(), np.float32)
        score[: len(some)] = right
        prediction = np.resize(seen, len(rows)).astype(np.int64)
        return {"score": torch.from_numpy(score), "prediction": torch.from_numpy(prediction)}
