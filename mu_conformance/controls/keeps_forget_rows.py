"""Write the forget rows to disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["KeepsForgetRows"]


class KeepsForgetRows:
    """Retrains exactly, and saves the forget rows in a file in the temporary folder."""

    caught_by = "contract.no-residue"

    def unlearn(self, model, request):
        kept = [request.forget[row] for row in range(len(request.forget))]
        torch.save(kept, Path(tempfile.gettempdir()) / "kept_for_later.pt")
        return Retrain().unlearn(model, request)
