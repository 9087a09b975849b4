"""From ``PKG:ATTR`` to a method, and from other widespread shapes to the protocol. Runs in the child only."""

from __future__ import annotations

import ast
import copy
import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from mu_conformance.protocol import Claims, DeletionRequest

__all__ = ["MethodError", "describe", "load_method", "load_object"]

ENTRY_POINTS = "mu_conformance.methods"
# What a fresh zygote may import ahead of the fork on a method's behalf: libraries of the field, never its own code.
PRELOADABLE = (
    "accelerate",
    "datasets",
    "diffusers",
    "numpy",
    "pandas",
    "peft",
    "scipy",
    "sklearn",
    "torch",
    "transformers",
)


class MethodError(Exception):
    """``--method`` names nothing usable; the message is one line and says what to do."""


def load_object(ref: str, what: str = "method") -> Any:
    """Import ``module:attribute``; raise ``MethodError`` with close matches."""
    module_name, _, attribute = ref.partition(":")
    if not module_name or not attribute:
        raise MethodError(f"{what} {ref!r} is not of the form module:attribute, such as mypkg:MyUnlearner")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if module_name == missing or module_name.startswith(missing + "."):
            raise MethodError(f"no module named {missing!r} for {what} {ref!r}{_close_modules(missing)}") from None
        raise MethodError(f"{what} {ref!r}: importing it needs the missing module {missing!r}") from error
    except Exception as error:
        raise MethodError(f"{what} {ref!r}: importing it raised {type(error).__name__}: {error}") from error
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")])
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise MethodError(f"module {module_name!r} has no attribute {attribute!r}{hint}") from None
    return found


def _close_modules(name: str) -> str:
    import pkgutil

    parent, _, last = name.rpartition(".")
    try:
        path = list(importlib.import_module(parent).__path__) if parent else None
        candidates = [module.name for module in pkgutil.iter_modules(path)]
    except Exception:
        return ""
    near = difflib.get_close_matches(last, candidates)
    prefix = f"{parent}." if parent else ""
    if near:
        return f"; did you mean {' or '.join(prefix + n for n in near)}?"
    return "; is it installed in this environment, or in the folder you run from?"


def load_method(ref: str) -> Any:
    """The method behind ``ref`` as an object with ``unlearn(model, request)``.

    ``ref`` is ``PKG:ATTR`` or a name from the entry-point group ``mu_conformance.methods``, with hyperparameters in
    brackets if a class or a factory is to be called with some, ``PKG:ATTR(epochs=3)``. The attribute may be a class, a zero-argument factory, an instance, a function ``f(model, request)``, a four-argument callable
    ``f(model, retain_loader, forget_loader, validation_loader)`` or a ``transformers.Trainer`` subclass.
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
    """``PKG:ATTR(name=value, ...)`` as its two parts; values are numbers, texts, True, False or None."""
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
    """``MethodError`` for a hyperparameter that a class or a factory does not have; it names those that there are."""
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
    if settings and (not callable(found) or (inspect.isclass(found) and _is_trainer(found))):
        raise MethodError(f"{ref} takes no hyperparameters: it is neither a class with unlearn nor a factory")
    if inspect.isclass(found):
        if _is_trainer(found):
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


def _is_trainer(found: type) -> bool:
    return any(base.__name__ == "Trainer" and base.__module__.startswith("transformers") for base in found.__mro__)


class FunctionAdapter:
    """A plain function ``f(model, request)``."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.claims = getattr(function, "claims", Claims())

    def unlearn(self, model: Any, request: DeletionRequest) -> Any:
        return self.function(model, request)


class LoadersAdapter(FunctionAdapter):
    """The four-argument callable of several public repositories and of the NeurIPS 2023 unlearning challenge.

    The validation loader reads a tenth of the retain rows: a method's process holds no row that was never trained on.
    A callable that returns ``None`` is taken to have changed the model that it was given, a copy of the original.
    """

    def unlearn(self, model: Any, request: DeletionRequest) -> Any:
        import torch

        working = copy.deepcopy(model)
        if request.retain is None:
            raise MethodError("a four-argument callable needs the retain set; its claims say needs_retain=False")
        tenth = torch.utils.data.Subset(request.retain, range(0, len(request.retain), 10))
        size = request.recipe.batch_size
        with request.seeded() as generator:
            retain, forget, validation = (
                request.task.loader(rows, size, generator=generator) for rows in (request.retain, request.forget, tenth)
            )
            returned = self.function(working, retain, forget, validation)
        return working if returned is None else returned


class TrainerAdapter:
    """A ``transformers.Trainer`` subclass: trained on the retain set by the recipe, with ``forget_dataset`` set."""

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer
        self.claims = getattr(trainer, "claims", Claims())

    def unlearn(self, model: Any, request: DeletionRequest) -> Any:
        import importlib.util
        import tempfile

        from transformers import TrainingArguments

        if importlib.util.find_spec("accelerate") is None:
            raise MethodError("a transformers.Trainer subclass needs accelerate: pip install 'mu-conformance[trainer]'")

        was_training = model.training
        with tempfile.TemporaryDirectory() as folder, request.seeded():
            arguments = TrainingArguments(
                output_dir=folder,
                num_train_epochs=request.recipe.epochs,
                per_device_train_batch_size=request.recipe.batch_size,
                learning_rate=request.recipe.learning_rate,
                weight_decay=request.recipe.weight_decay,
                lr_scheduler_type=request.recipe.schedule,
                seed=request.seed,
                report_to=[],
                save_strategy="no",
                disable_tqdm=True,
                use_cpu=request.device.type == "cpu",
            )
            trainer = self.trainer(model=copy.deepcopy(model), args=arguments, train_dataset=request.retain)
            trainer.forget_dataset, trainer.retain_dataset = request.forget, request.retain
            trainer.train()
        return trainer.model.to(request.device).train(was_training)


def claims_of(method: Any) -> Claims:
    """The method's claims; ``MethodError`` if the attribute is not a ``Claims``."""
    claims = getattr(method, "claims", None)
    if claims is None:
        return Claims()
    if not isinstance(claims, Claims):
        raise MethodError(f"claims must be a mu_conformance.Claims, got {type(claims).__name__}")
    return claims


def describe(ref: str) -> dict[str, Any]:
    """What the scorecard says of a method: claims, distribution, version, digest of its source."""
    method = load_method(ref)
    claims = claims_of(method)
    subject = method
    for adapter, attribute in ((FunctionAdapter, "function"), (TrainerAdapter, "trainer")):
        if isinstance(method, adapter):
            subject = getattr(method, attribute)
    module_name = getattr(subject, "__module__", None) or type(subject).__module__
    source = getattr(sys.modules.get(module_name), "__file__", None)
    package = module_name.partition(".")[0]
    distributions = importlib.metadata.packages_distributions().get(package, [])
    return {
        "claims": claims.to_json(),
        "module": module_name,
        "distribution": distributions[0] if distributions else None,
        "version": importlib.metadata.version(distributions[0]) if distributions else None,
        "source_sha256": hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else None,
        "package_sha256": _package_digest(Path(source), module_name) if source else None,
        "preload": [name for name in PRELOADABLE if name in sys.modules],
    }


def _package_digest(source: Path, module: str) -> str:
    """SHA-256 over all source files of the top-level package of a module, or over the module's own if it has none."""
    folder = source.parents[module.count(".") - (source.name != "__init__.py")] if "." in module else source.parent
    files = sorted(folder.rglob("*.py")) if "." in module or source.name == "__init__.py" else [source]
    sha = hashlib.sha256()
    for path in files:
        sha.update(f"{path.relative_to(folder).as_posix()}:".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()
