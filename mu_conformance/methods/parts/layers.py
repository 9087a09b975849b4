"""Training some of a model's layers while all others stay as they are: the last ones, or a block of a transformer."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping

import torch
from torch import nn

__all__ = ["blocks_of", "last_layers", "only", "renew", "settled"]


def last_layers(model: nn.Module, k: int | None = None) -> list[str]:
    """The names of the trainable parameters of the last ``k`` layers, in the order of ``named_parameters``.

    A layer is a module that holds parameters of its own; layers come in the order of ``model.modules()``. A tied weight
    belongs to the first module that holds it, so a head that shares its only weight with the embedding is no layer.
    Frozen layers count, and have no names here. ``k`` lies in [1, number of layers]; more is all of them, None a third
    of them, rounded down, one at least. A model without parameters gives no names.

    Raises ``ValueError`` for a ``k`` below 1.
    """
    if k is not None and k < 1:
        raise ValueError(f"layers must be at least 1, or None for a third of them, got {k}")
    layers = list(_layers(model).values())
    count = max(1, len(layers) // 3) if k is None else k
    return [name for layer in layers[-count:] for name, parameter in layer.items() if parameter.requires_grad]


def blocks_of(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """The name and the blocks of a transformer: the longest ``nn.ModuleList`` of the model, the first of equals.

    Raises ``ValueError`` for a model that holds none.
    """
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    if not any(len(blocks) for _, blocks in found):
        raise ValueError(f"a model with a list of blocks is needed, and {type(model).__name__} holds no nn.ModuleList")
    return max(found, key=lambda pair: len(pair[1]))


@contextlib.contextmanager
def only(model: nn.Module, names: Collection[str]) -> Iterator[None]:
    """Inside the block, the parameters of these names alone require gradients, those of them that did before.

    ``requires_grad`` of every parameter is as it was afterwards, whatever happens inside.
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
    """The modules that stay as they are while the parameters of these names are trained, in the order of ``modules()``.

    Those are the modules with parameters of their own, none of them named, and those without any that come before the
    first that is trained and hold none that is: a batch normalisation without weights is of the part where it stands.
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
    """Give ``model`` the parameters of these names, and the buffers beside them, of a model of the same architecture.

    The buffers are those of the modules that hold the parameters, and of modules without parameters that come after
    the first of them: running statistics of the old weights say nothing of the new. In place.
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
    """The modules that hold a parameter of these names."""
    return {module for module, own in _layers(model).items() if not own.keys().isdisjoint(names)}


def _layers(model: nn.Module) -> Mapping[nn.Module, dict[str, nn.Parameter]]:
    """The modules with parameters of their own, and these by their names; a tied weight is its first holder's."""
    # named_parameters leaves out what it has given before, modules in the order of definition
    names = {parameter: name for name, parameter in model.named_parameters()}
    found: dict[nn.Module, dict[str, nn.Parameter]] = {}
    for module in model.modules():
        own = {names.pop(p): p for p in module.parameters(recurse=False) if p in names}
        if own:
            found[module] = own
    return found
