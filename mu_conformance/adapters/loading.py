"""Load a method from ``PKG:ATTR``, and adapt other widespread shapes to the protocol. Runs in the child only."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.metadata
import importlib.util
import inspect
from typing import Any

from mu_conformance.adapters.functions import FunctionAdapter, LoadersAdapter
from mu_conformance.adapters.trainer import TrainerAdapter, is_trainer
from mu_conformance.discovery import MethodError, load_object

__all__ = ["load_method"]

ENTRY_POINTS = "mu_conformance.methods"
"""Entry-point group in which an installed package names its methods."""


def load_method(ref: str) -> Any:
    """Return the method behind ``ref`` as an object with ``unlearn(model, request)``.

    ``ref`` is ``PKG:ATTR``, or a name from the entry-point group ``mu_conformance.methods``. A class or factory takes
    hyperparameters in brackets: ``PKG:ATTR(epochs=3)``. The attribute may be:

    - a class, a zero-argument factory or an instance;
    - a function ``f(model, request)``;
    - a four-argument callable ``f(model, retain_loader, forget_loader, validation_loader)``;
    - a ``transformers.Trainer`` subclass.

    Raises ``MethodError`` for anything else.
    """
    ref, settings = _hyperparameters(ref)
    if ":" not in ref:
        entry_points = importlib.metadata.entry_points(group=ENTRY_POINTS)
        named = [point for point in entry_points if point.name == ref]
        if not named:
            known = ", ".join(sorted(point.name for point in entry_points)) or "none installed"
            raise MethodError(f"method {ref!r} is neither PKG:ATTR nor an entry point of {ENTRY_POINTS} ({known})")
        ref = named[0].value
    return _adapt(load_object(ref), ref, settings)


def _hyperparameters(ref: str) -> tuple[str, dict[str, Any]]:
    """Return the two parts of ``PKG:ATTR(name=value, ...)``; values are numbers, texts, True, False or None."""
    name, bracket, _ = ref.partition("(")
    if not bracket:
        return ref, {}
    try:
        call = ast.parse(f"method{ref.removeprefix(name)}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        return name, {str(keyword.arg or ""): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError):
        raise MethodError(
            f"method {ref!r}: hyperparameters are written as name=value with plain values, such as {name}(epochs=3)"
        ) from None


def _check_hyperparameters(found: Any, ref: str, settings: dict[str, Any]) -> None:
    """Raise ``MethodError``, which names the choices, for a hyperparameter that a class or factory lacks."""
    parameters = inspect.signature(found).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL]
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise MethodError(f"{ref} has no hyperparameter {name!r}; {hint}it has: {', '.join(known) or 'none'}")


def _adapt(found: Any, ref: str, settings: dict[str, Any]) -> Any:
    """Return the object as a method, called or wrapped where needed."""
    if settings and (not callable(found) or (inspect.isclass(found) and is_trainer(found))):
        raise MethodError(f"{ref} takes no hyperparameters: it is neither a class with unlearn nor a factory")
    if inspect.isclass(found):
        if is_trainer(found):
            return TrainerAdapter(found)
        if not callable(getattr(found, "unlearn", None)):
            raise MethodError(f"class {ref!r} has no method unlearn(model, request)")
        _check_hyperparameters(found, ref, settings)
        needed = [name for name in _required_parameters(found) if name not in settings]
        if needed:
            raise MethodError(
                f"the constructor of {ref!r} needs arguments ({', '.join(needed)}); give them, such as "
                f"{ref}({needed[0]}=...), or name a zero-argument factory"
            )
        try:
            return found(**settings)
        except Exception as error:
            raise MethodError(f"the constructor of {ref!r} raised {type(error).__name__}: {error}") from error
    if callable(getattr(found, "unlearn", None)):
        return found
    if not callable(found):
        raise MethodError(f"{ref!r} is a {type(found).__name__}, not a class, factory, instance or function")
    if settings:
        _check_hyperparameters(found, ref, settings)
    needed = [name for name in _required_parameters(found) if name not in settings]
    if settings and needed:
        raise MethodError(f"the factory {ref!r} needs more arguments: {', '.join(needed)}")
    if len(needed) == 0:
        try:
            made = found(**settings)
        except Exception as error:
            raise MethodError(f"the factory {ref!r} raised {type(error).__name__}: {error}") from error
        if not callable(getattr(made, "unlearn", None)):
            raise MethodError(f"the factory {ref!r} returned a {type(made).__name__} without unlearn(model, request)")
        return made
    if len(needed) == 2:
        return FunctionAdapter(found)
    if len(needed) == 4:
        return LoadersAdapter(found)
    raise MethodError(
        f"function {ref!r} takes {len(needed)} arguments; expected f(model, request) or "
        "f(model, retain_loader, forget_loader, validation_loader)"
    )


def _required_parameters(found: Any) -> list[str]:
    """Return the names of the parameters without a default; empty for a callable without a signature."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        p.name
        for p in parameters
        if p.default is p.empty and (p.kind in positional or p.kind == inspect.Parameter.KEYWORD_ONLY)
    ]
