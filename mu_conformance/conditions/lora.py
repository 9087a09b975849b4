"""Add LoRA adapters through peft: small trainable matrices beside frozen weights (Hu et al. 2022, arXiv 2106.09685).

Beside a published checkpoint, adapters go into linear layers and convolutions, as usual, and the task's recipe trains
them. Random weights say nothing of a token. Beside them, embeddings have adapters too, and training takes longer.
"""

from __future__ import annotations

import collections

from torch import nn

__all__ = ["SCALING", "add_lora"]

SCALING = 2
"""Factor of an adapter's output: LoRA's alpha divided by the rank."""


def add_lora(model: nn.Module, rank: int, *, embeddings: bool = False) -> nn.Module:
    """Add LoRA adapters to every linear and ungrouped convolution layer of ``model``, in place, and return it.

    Only the adapters are trainable. They are initialised from torch's global generator and add nothing at first. The
    model's class is unchanged; a layer ``x`` holds its old weights as ``x.base_layer``. One-dimensional convolutions
    get no adapters, except transformers' ``Conv1D``, which is a linear layer.

    Raises ``ValueError`` for a model without such a layer, ``ImportError`` without peft.

    Args:
        model: model that is changed.
        rank: rank of each adapter.
        embeddings: True to adapt embeddings too, except frozen ones (sines of positions) and those shared with another
            layer (the output layer).
    """
    from peft import LoraConfig, inject_adapter_in_model
    from transformers.pytorch_utils import Conv1D

    kinds = (nn.Linear, nn.Conv2d, nn.Conv3d, Conv1D)
    # peft supports grouped convolutions only at some ranks, so they are left out at every rank.
    layers = [name for name, m in model.named_modules() if isinstance(m, kinds) and getattr(m, "groups", 1) == 1]
    if embeddings:
        places = collections.Counter(id(parameter) for _, parameter in model.named_parameters(remove_duplicate=False))
        # A subclass of Embedding may be called with other arguments, which peft's adapter would not pass on.
        found = [(name, module) for name, module in model.named_modules() if type(module) is nn.Embedding]
        # An adapter on a shared weight would change both of its uses.
        layers += [name for name, e in found if e.weight.requires_grad and places[id(e.weight)] == 1]
    if not layers:
        raise ValueError(f"{type(model).__name__} has no layer that LoRA adapters go into")
    config = LoraConfig(r=rank, lora_alpha=SCALING * rank, lora_dropout=0.0, target_modules=layers)
    inject_adapter_in_model(config, model)
    return model
