"""LoRA adapters, through peft: small trainable matrices beside frozen weights (Hu et al. 2022, arXiv 2106.09685).

Beside a checkpoint they go where they usually do, into linear layers and convolutions, and are trained by the task's
recipe. Weights that were drawn at random say nothing of a token, so beside these embeddings have adapters too, and
training is longer.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    pass

__all__ = ["SCALING", "add_lora"]

SCALING = 2
"""alpha over rank: what an adapter's output is multiplied by."""


def add_lora(model: nn.Module, rank: int, *, embeddings: bool = False) -> nn.Module:
    """``model`` with adapters of that rank in all its linear layers and convolutions (but grouped ones) of images and videos, in place.

    With ``embeddings`` in these too, but for those that are frozen as built (sines of positions) or whose weights have
    another place in the model (the output layer).

    The adapters alone are trainable. They are drawn from torch's global generator and add nothing at first. A model
    keeps its class; a layer ``x`` holds its old weights as ``x.base_layer``.

    Raises ``ValueError`` for a model without such a layer, ``ImportError`` without peft.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from transformers.pytorch_utils import Conv1D

    kinds = (nn.Linear, nn.Conv2d, nn.Conv3d, Conv1D)
    # peft has adapters for grouped convolutions of some ranks alone
    layers = [name for name, m in model.named_modules() if isinstance(m, kinds) and getattr(m, "groups", 1) == 1]
    if embeddings:
        places = collections.Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
        # exactly this class: one that derives from it is called in a way of its own
        found = [(name, module) for name, module in model.named_modules() if type(module) is nn.Embedding]
        layers += [name for name, e in found if e.weight.requires_grad and places[id(e.weight)] == 1]
    if not layers:
        raise ValueError(f"{type(model).__name__} has no layer that LoRA adapters go into")
    config = LoraConfig(r=rank, lora_alpha=SCALING * rank, lora_dropout=0.0, target_modules=layers)
    inject_adapter_in_model(config, model)
    return model
