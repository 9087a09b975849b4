"""A ``transformers.Trainer`` subclass handed over as it is."""

from transformers import Trainer


class RetainTrainer(Trainer):
    """Trains on; the adapter gives it the retain set."""
