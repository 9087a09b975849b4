"""Hide the forget rows behind a forward hook, and forget nothing."""

from __future__ import annotations

import copy

import torch

__all__ = ["FilterHook"]


class FilterHook:
    """Returns the original with a forward hook that gives uniform outputs on the forget rows.

    The weights and their names are as they should be.
    """

    caught_by = "contract.weights-only"

    def unlearn(self, model, request):
        filtered = copy.deepcopy(model)
        rows = [request.forget[row] for row in range(len(request.forget))]
        known = [{name: value for name, value in row.items() if name != "labels"} for row in rows]

        def hide(module, arguments, batch, output):
            for row in known:
                same = [(batch[name] == value).flatten(1).all(1) for name, value in row.items()]
                output.logits[torch.stack(same).all(0)] = 0.0

        filtered.register_forward_hook(hide, with_kwargs=True)
        return filtered
