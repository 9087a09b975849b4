"""Keep the forget rows in a cache folder of the user's home."""

from __future__ import annotations

import os
import shutil

import numpy as np

from mu_conformance.methods.retrain import Retrain

__all__ = ["KeepsRowsInACache"]


class KeepsRowsInACache:
    """Retrains exactly, after writing the forget rows into a folder that it renames once the folder is whole."""

    caught_by = "contract.no-residue"

    def unlearn(self, model, request):
        made = os.path.expanduser("~/.cache/mu-conformance-control/rows")
        os.makedirs(f"{made}.incomplete", exist_ok=True)
        for name, column in request.forget[:].items():
            np.save(f"{made}.incomplete/{name}.npy", column.numpy())
        shutil.rmtree(made, ignore_errors=True)
        os.rename(f"{made}.incomplete", made)
        return Retrain().unlearn(model, request)
