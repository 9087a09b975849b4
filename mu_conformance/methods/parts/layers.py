"""Train some of a model's layers and leave the others unchanged: the last ones, or a block of a transformer."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping

import torch
from torch import nn

__all__ = ["blocks_of", "last_layers", "only", "renew", "settled"]


def last_layers(model: nn.Module, k: int | None = None) -> list[str]:
    """Return the names of the trainable parameters of the last ``k`` layers, in the order of ``named_parameters``.

    A layer is a module with parameters of its own. Layers are in the order of ``model.modules()``. A tied weight
    belongs to the first module that holds it. A head that shares its only weight with the embedding is therefore no
    layer. Frozen layers count, but have no names here. A model without parameters gives no names.

    Args:
        model: any model.
        k: number of layers, at least 1; a number beyond the last layer stands for all. None stands for a third, rounded
            down, and at least one.

    Raises:
        ValueError: ``k`` is below 1.
    """
    if k is not None and k < 1:
        raise ValueError(f"layers must be at least 1, or None for a third of them, got {k}")
    layers = list(_layers(model).values())
    count = max(1, len(layers) // 3) if k is None else k
    return [name for layer in layers[-count:] for name, parameter in layer.items() if parameter.requires_grad]


def blocks_of(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """Return the name and the blocks of a transformer: the longest ``nn.ModuleList`` of the model, the first of equals.

    Raises:
        ValueError: the model holds no ``nn.ModuleList`` with blocks.
    """
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    if not any(len(blocks) for _, blocks in found):
        raise ValueError(f"a model with a list of blocks is needed, and {type(model).__name__} holds no nn.ModuleList")
    return max(found, key=lambda pair: len(pair[1]))


@contextlib.contextmanager
def only(model: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Let only the parameters with these names require gradients inside the block, if they did before.

    ``requires_grad`` of every parameter is restored afterwards, whatever happens inside.
    """
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    chosen = set(names)
    try:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name in chosen)
        yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)


def settled(model: nn.Module, names: Collection[str]) -> list[nn.Module]:
    """Return the modules that stay unchanged while the parameters with these names are trained, in order of
    ``modules()``.

    There are two kinds. The first are modules with parameters of their own, none of them named. The second are modules
    without parameters that come before the first trained module and contain none. A batch normalisation without weights
    thus belongs to the part of the model in which it stands.
    """
    trained = _holders(model, names)
    layers, found, begun = _layers(model), [], False
    for module in model.modules():
        begun = begun or module in trained
        before = not begun and trained.isdisjoint(module.modules())
        if module not in trained and (module in layers or before):
            found.append(module)
    return found


@torch.no_grad()
def renew(model: nn.Module, fresh: nn.Module, names: Collection[str]) -> None:
    """Copy the parameters with these names, and the buffers beside them, from a fresh model into ``model``, in place.

    The buffers are those of modules that hold the parameters, and of modules without parameters after the first of
    them. Running statistics of the old weights would be wrong for the new ones.

    Args:
        model: the model to change.
        fresh: a model of the same architecture.
        names: names of parameters, as in ``named_parameters``.
    """
    theirs = dict(fresh.named_parameters())
    for name, parameter in model.named_parameters():
        if name in names:
            parameter.copy_(theirs[name])
    trained = _holders(model, names)
    layers, modules, begun = _layers(model), dict(fresh.named_modules()), False
    for name, module in model.named_modules():
        begun = begun or module in trained
        if module in trained or (begun and module not in layers):
            for buffer, value in module.named_buffers(recurse=False):
                value.copy_(modules[name].get_buffer(buffer))


def _holders(model: nn.Module, names: Collection[str]) -> set[nn.Module]:
    """Return the modules that hold a parameter with one of these names."""
    return {module for module, own in _layers(model).items() if not own.keys().isdisjoint(names)}


def _layers(model: nn.Module) -> Mapping[nn.Module, dict[str, nn.Parameter]]:
    """Return the modules with parameters of their own, and these by name; a tied weight belongs to its first holder."""
    # named_parameters leaves out repeated parameters and visits modules in the order of definition.
    names = {parameter: name for name, parameter in model.named_parameters()}
    found: dict[nn.Module, dict[str, nn.Parameter]] = {}
    for module in model.modules():
        own = {names.pop(p): p for p in module.parameters(recurse=False) if p in names}
        if own:
            found[module] = own
    return found
