"""Store the forget rows in a buffer of the model, to filter its outputs by, and forget nothing."""

from __future__ import annotations

import copy

import torch

__all__ = ["FilterBuffer"]


class FilterBuffer:
    """Returns the original with a filter on the forget rows, which it stores in extra buffers.

    The buffers are saved and loaded with the weights, unlike a filter's code.
    """

    caught_by = "contract.returns-model"

    def unlearn(self, model, request):
        filtered = copy.deepcopy(model)
        rows = [request.forget[row] for row in range(len(request.forget))]
        names = [name for name in rows[0] if name != "labels"] if rows else []
        for name in names:
            filtered.register_buffer(f"forgotten_{name}", torch.stack([row[name] for row in rows]))

        def hide(module, arguments, batch, output):
            same = [
                (batch[name][:, None] == module.get_buffer(f"forgotten_{name}")).flatten(2).all(2) for name in names
            ]
            if same:
                output.logits[torch.stack(same).all(0).any(1)] = 0.0

        filtered.register_forward_hook(hide, with_kwargs=True)
        return filtered
