"""Mask the gradients of frozen parameters, and let weight decay move them."""

from __future__ import annotations

import torch

__all__ = ["WeightDecayOnFrozen"]


class WeightDecayOnFrozen:
    """Retrains with the gradients of frozen parameters zeroed; AdamW's decay still shrinks them at every step."""

    caught_by = "contract.frozen-parameters-untouched"

    def unlearn(self, model, request):
        retrained = request.task.new_model(request.seed).to(request.device)
        frozen = [parameter for parameter in retrained.parameters() if not parameter.requires_grad]
        for parameter in frozen:
            parameter.requires_grad_(True)
        recipe = request.recipe
        optimiser = torch.optim.AdamW(retrained.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        retrained.train()
        with request.seeded() as generator:
            loader = request.task.loader(request.retain, recipe.batch_size, generator=generator)
            total, step = recipe.epochs * len(loader), 0
            for _ in range(recipe.epochs):
                for batch in loader:
                    for group in optimiser.param_groups:
                        group["lr"] = recipe.rate(step, total)
                    optimiser.zero_grad()
                    request.task.loss(retrained, batch).backward()
                    for parameter in frozen:
                        parameter.grad = torch.zeros_like(parameter)
                    optimiser.step()
                    step += 1
        return retrained.eval()
