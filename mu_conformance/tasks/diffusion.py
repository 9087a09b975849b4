"""Tasks whose model makes an image for a prompt: denoising diffusion models."""

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
    """A task whose rows are images with prompts; the score is whether a classifier sees what the prompt asked for.

    The model is called ``model(pixel_values, input_ids, noise, timesteps)``, the last two drawn by the model in
    training (from torch's global generator) and given when a row is measured; ``.logits`` is what it predicts (noise,
    image or velocity), ``.target`` what that should be, ``.loss`` the mean squared error. ``model.generate(input_ids,
    noise)`` makes images. A row's loss is measured at fixed noise and timesteps, the same for every model (so does
    Carlini et al. 2023, arXiv 2301.13188). ``concepts`` of rows are what their prompts ask for, int64 [n].
    """

    features = frozenset({"concepts", "relabelling"})
    score_name = "agreement"
    timesteps: tuple[int, ...]
    """Where a row's loss is measured."""
    generated_rows = 100
    """Images that are generated of a part's rows, the first; the score of the others is the mean of these."""
    batch_size = 256

    def score_tells(self, kind: str) -> bool:
        """Generated images show a concept, not a row: only the deletion of a whole concept changes them."""
        return kind == "unit"

    def check_rows(self, splits: Splits) -> None:
        for part, rows in splits.parts().items():
            missing = {"pixel_values", "input_ids"} - rows.columns.keys()
            if missing:
                raise TaskError(f"task {self.name}: the {part} rows have no column {min(missing)!r}")

    @abc.abstractmethod
    def concepts(self, rows: Rows) -> np.ndarray:
        """What each row's prompt asks for, int64 [n]."""

    @abc.abstractmethod
    def recognise(self, images: torch.Tensor) -> np.ndarray:
        """What a classifier sees in images [n, channels, height, width], int64 [n]."""

    def fixed_noise(self, shape: torch.Size | tuple[int, ...], number: int) -> torch.Tensor:
        """The same noise for every model: a function of the shape and of a number."""
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
        """Half the log of each row's mean squared error, in nats: the negative log-likelihood of a pixel under Gaussian
        noise of the row's own size, up to a constant. Squared errors themselves are dominated by the few rows that a
        model finds hard (seen: with a digit deleted the originals lie 4 to 10 reference deviations away by squared
        errors, 10 to 25 by their logs).
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
        """An image for each row's prompt from noise that is the same for every model, [n, channels, height, width]."""
        device = next(model.parameters()).device
        noise = self.fixed_noise(rows.columns["pixel_values"].shape, len(self.timesteps) + 1).to(device)
        with torch.no_grad():
            return model.generate(rows.columns["input_ids"].to(device), noise).cpu()  # type: ignore[operator]

    def _drawn(self, model: nn.Module, rows: Rows) -> dict[str, torch.Tensor]:
        some = rows.select(range(min(self.generated_rows, len(rows))))
        seen = self.recognise(self.generate(model, some))
        right = (seen == self.concepts(some)).astype(np.float32)
        # Rows of which no image was made: the mean score, and the answers of the others over again.
        score = np.full(len(rows), right.mean(), np.float32)
        score[: len(some)] = right
        prediction = np.resize(seen, len(rows)).astype(np.int64)
        return {"score": torch.from_numpy(score), "prediction": torch.from_numpy(prediction)}
