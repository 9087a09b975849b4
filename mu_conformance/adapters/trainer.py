"""Adapt a ``transformers.Trainer`` subclass."""

from __future__ import annotations

import copy
import importlib
import importlib.metadata
import importlib.util
from typing import Any

from mu_conformance.discovery import MethodError
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["TrainerAdapter", "is_trainer"]


def is_trainer(found: type) -> bool:
    """Return whether the class derives from transformers' Trainer.

    The class is recognised by name, so that transformers is not imported.
    """
    return any(base.__name__ == "Trainer" and base.__module__.startswith("transformers") for base in found.__mro__)


class TrainerAdapter:
    """Trains a ``transformers.Trainer`` subclass on the retain set by the recipe, with ``forget_dataset`` set."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.claims = getattr(trainer, "claims", Claims())

    def unlearn(self, model: Any, request: DeletionRequest) -> Any:
        import tempfile

        from transformers import TrainingArguments

        if importlib.util.find_spec("accelerate") is None:
            raise MethodError("a transformers.Trainer subclass needs accelerate: pip install 'mu-conformance[trainer]'")

        was_training = model.training
        with tempfile.TemporaryDirectory() as folder, request.seeded():
            arguments = TrainingArguments(
                output_dir=folder,
                num_train_epochs=request.recipe.epochs,
                per_device_train_batch_size=request.recipe.batch_size,
                learning_rate=request.recipe.learning_rate,
                weight_decay=request.recipe.weight_decay,
                lr_scheduler_type=request.recipe.schedule,
                seed=request.seed,
                report_to=[],
                save_strategy="no",
                disable_tqdm=True,
                use_cpu=request.device.type == "cpu",
            )
            trainer = self.trainer(model=copy.deepcopy(model), args=arguments, train_dataset=request.retain)
            trainer.forget_dataset, trainer.retain_dataset = request.forget, request.retain
            trainer.train()
        return trainer.model.to(request.device).train(was_training)
