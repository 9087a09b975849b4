"""Make one call of a method, in the child: build the request, call, report, write the weights.

Everything here runs beside untrusted code, so nothing here decides a verdict about forgetting or utility. Such verdicts
rest on the weights alone, loaded by the suite into a model of its own. The report serves the contract checks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import mu_conformance
from mu_conformance.adapters.describing import claims_of, describe, preloadable
from mu_conformance.adapters.loading import load_method
from mu_conformance.conditions.flops import OverBudget, metered
from mu_conformance.discovery import MethodError, installed_folders, load_object
from mu_conformance.isolation.call import CallFolder, CallInput, CallSpec, probe_rows
from mu_conformance.isolation.leftovers import let_threads_end, processes_left, threads_running
from mu_conformance.isolation.memory_files import Counters
from mu_conformance.isolation.recorder import Recorder
from mu_conformance.isolation.request_rows import RequestRows
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.tasks import Rows, Task, TaskError, TaskView

__all__ = ["RequestRows", "call_method", "main"]


def _without_data(task: Task) -> Task:
    """Return the task with its data made unavailable, because holdout and test rows must not reach a method."""

    def refuse() -> Any:
        raise TaskError("the task's data are not available in the method's process; use request.forget and .retain")

    task.load_splits = refuse  # type: ignore[method-assign]
    return task


def digest_state(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over names, types, shapes and values."""
    sha = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        sha.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        sha.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def _model_condition(model: nn.Module) -> dict[str, Any]:
    """Return what must not change about the model handed in: weights, modes, frozen parameters, number of hooks."""
    return {
        "state": digest_state(model.state_dict()),
        "training": [name for name, module in model.named_modules() if module.training],
        "frozen": [name for name, parameter in model.named_parameters() if not parameter.requires_grad],
        "hooks": sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()),
    }


def _global_state() -> dict[str, Any]:
    """Return the process's global state that a method must leave as it was."""
    return {
        "grad mode": torch.is_grad_enabled(),
        "default dtype": str(torch.get_default_dtype()),
        "default device": str(torch.get_default_device()) if hasattr(torch, "get_default_device") else "cpu",
        "torch threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "cudnn flags": [torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic],
        # Digests, because a value may be a secret; the report names the variables.
        "environment": {name: hashlib.sha256(value.encode()).hexdigest() for name, value in os.environ.items()},
        "working directory": os.getcwd(),
        "threads running": threads_running(),
    }


def _told(name: str, before: Any, after: Any) -> str:
    """Return a change of the global state in words; variables of the environment by name."""
    if name != "environment":
        return f"{name}: {before} -> {after}"
    changed = sorted(one for one in {*before, *after} if before.get(one) != after.get(one))
    did = [f"{one} {'set' if one not in before else 'removed' if one not in after else 'changed'}" for one in changed]
    return f"environment: {', '.join(did)}"


def _random_states() -> dict[str, str]:
    """Return a digest of each global random generator's state."""
    # repr abbreviates the generator's key, so two states could look alike. The bytes are added for that reason.
    numpy_state: Any = np.random.get_state(legacy=False)
    key = numpy_state["state"]["key"]
    return {
        "python": hashlib.sha256(repr(random.getstate()).encode()).hexdigest(),
        "numpy": hashlib.sha256(repr(numpy_state).encode() + key.tobytes()).hexdigest(),
        "torch": hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(),
    }


def _seed_ambient(seed: int) -> None:
    """Seed every global generator."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _build_request(
    spec: CallSpec, task: Task, model: nn.Module, places: Mapping[str, tuple[int, int, int]]
) -> DeletionRequest:
    """Return the request; without labels if the method claimed not to read them when it was described."""
    columns = tuple(name for name in spec.forget.columns if spec.reads_labels or name != "labels")

    def served(name: str, rows: Rows) -> RequestRows:
        if name not in places:
            return RequestRows(rows, columns)
        _, descriptor, first = places[name]
        return RequestRows(rows, columns, Counters(descriptor, first, len(rows)), places[name])

    # ``new_model`` gives fresh models these weights, because a method cannot train what is frozen.
    frozen = {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}
    return DeletionRequest(
        forget=served("forget", spec.forget),
        retain=served("retain", spec.retain) if spec.retain is not None else None,
        task=TaskView(task, spec.architecture, frozen),
        recipe=spec.recipe,
        seed=spec.seed,
        device=torch.device(spec.device),
        budget=spec.budget,
    )


def _where(error: BaseException, method_ref: str) -> str:
    """Return the author's own line of a traceback, ``" (file.py:12: line)"``; empty if there is no frame.

    An error inside a library says little by itself. The author's own line is therefore the last of the method's own
    package, or of code that is not installed. Without any it is the last line of all.
    """
    home = sys.modules.get(method_ref.partition(":")[0].partition(".")[0])
    home_file = Path(str(getattr(home, "__file__", None) or os.devnull))
    author = str(home_file.parent if home_file.name == "__init__.py" else home_file)
    foreign = (*installed_folders(), str(Path(mu_conformance.__file__).parent), "<")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if frame.filename.startswith(author) or not frame.filename.startswith(foreign)]
    if not own and isinstance(error, TypeError):
        # The author's code was not even entered.
        return " (it is called as unlearn(model, request))"
    for frame in (own or frames)[-1:]:
        line = f": {frame.line}" if frame.line else ""
        return f" ({Path(frame.filename).name}:{frame.lineno}{line})"
    return ""


def _build_original(spec: CallSpec, task: Task) -> nn.Module:
    """Return the original with the weights sent by the suite, in evaluation mode."""
    model = task.new_model(0, spec.architecture)
    model.load_state_dict(spec.state)
    for name, parameter in model.named_parameters():
        # Parameters frozen by the task itself (a text encoder, the base under adapters) stay frozen.
        parameter.requires_grad_(parameter.requires_grad and name not in spec.frozen)
    return model.to(spec.device).eval()


def call_method(
    spec: CallSpec,
    method_ref: str,
    watched: tuple[str, ...],
    places: Mapping[str, tuple[int, int, int]] | None = None,
) -> tuple[dict[str, Any], dict[str, torch.Tensor], torch.Tensor | None]:
    """Call the method once; return (report, state dict, probe outputs).

    The report's ``status`` is that of ``CallResult``.

    Args:
        spec: the call.
        method_ref: the method, as ``--method`` takes it.
        watched: folders of the suite whose data files a method has no business to read.
        places: where other processes open each part of the rows (``CallInput.places``).
    """
    task = _without_data(load_object(spec.task_ref, "task")().under(spec.conditions))
    # The suite draws all its own random numbers before it seeds the ambient state, so the method finds that state
    # unused.
    model = _build_original(spec, task)
    request = _build_request(spec, task, model, places or {})
    # The audit hook cannot be removed, so it is installed inactive and switched on around the method's code alone,
    # which begins with its import.
    recorder, digests = Recorder(watched), _digests(spec)
    recorder.start()
    try:
        # Import the method before any state is recorded: an import may start threads or set flags, once.
        method = load_method(method_ref)
        claims = claims_of(method)
    except MethodError as error:
        recorder.stop()
        return {"status": "raised", "message": str(error), **_recorded(recorder)}, {}, None
    # Record everything at the last moment before the call, so that each later difference is the method's doing.
    before, condition = _global_state(), _model_condition(model)
    # A method that reads the global random state gives another result under another ambient seed.
    _seed_ambient(spec.ambient_seed)
    ambient = _random_states()
    report: dict[str, Any] = {"claims": claims.to_json()}
    started = time.perf_counter()
    try:
        with _counting(spec.budget.flops, report):
            returned = method.unlearn(model, request)
        report["status"] = "returned"
    except OverBudget as error:
        returned = None
        report["status"], report["message"] = "over_budget", str(error)
    except Exception as error:
        returned = None
        report["status"] = "raised"
        report["message"] = f"{type(error).__name__}: {error}{_where(error, method_ref)}"
        report["traceback"] = traceback.format_exc()
    # SystemExit and the like. The suite must hear of them, so the process is not allowed to end here.
    except BaseException as error:
        returned = None
        report["status"] = "escaped"
        report["message"] = (
            f"raised {type(error).__module__}.{type(error).__name__}: {error} instead of returning a model"
        )
    report["method_s"] = time.perf_counter() - started
    # From here on the suite's own code opens files.
    recorder.stop()
    report["preload"] = preloadable()
    report["processes_left"] = processes_left()
    let_threads_end(before["threads running"])
    after = _global_state()
    report["global_changes"] = [_told(k, before[k], after[k]) for k in before if before[k] != after[k]]
    report["random_states"] = _random_states()
    report["random_untouched"] = [k for k, v in report["random_states"].items() if v == ambient[k]]
    # A method may have left gradients off. The change is in the report; what follows must not depend on it.
    torch.set_grad_enabled(True)
    report["input_changes"] = [k for k, v in _model_condition(model).items() if v != condition[k]]
    report["data_changed"] = digests != _digests(spec)
    report["reads"] = {
        name: {"rows": int((rows.reads > 0).sum()), "draws": int(rows.reads.sum()), "of": len(rows)}
        for name, rows in (("forget", request.forget), ("retain", request.retain))
        if isinstance(rows, RequestRows)
    }
    report |= _recorded(recorder)
    if report["status"] != "returned":
        return report, {}, None
    if not isinstance(returned, nn.Module):
        report.update(status="unusable", message=f"returned {type(returned).__name__}, not a torch.nn.Module")
        return report, {}, None
    # From here on the returned object may be hostile: its attributes run the method's code.
    strange = [_strange(name, value) for name, value in returned.state_dict().items()]
    if any(strange):
        found = "; ".join([one for one in strange if one][:3])
        report.update(status="unusable", message=f"returned a model whose state dict holds {found}")
        return report, {}, None
    devices = sorted({str(tensor.device.type) for tensor in returned.state_dict().values()})
    report["devices"] = devices
    report["training_mode"] = returned.training
    report["same_object"] = returned is model
    if devices and devices != [torch.device(spec.device).type]:
        report["message"] = f"returned a model on {', '.join(devices)}; the request's device is {spec.device}"
        # Tensors on the meta device hold no values, so there are no weights to send.
        if "meta" in devices:
            report["status"] = "unusable"
            return report, {}, None
    # Copied, because safetensors refuses tensors that share memory.
    state = {name: t.detach().to("cpu").contiguous().clone() for name, t in returned.state_dict().items()}
    return report, state, _probe(returned, task, spec, report)


def _digests(spec: CallSpec) -> list[str]:
    """Return the digest of each part of the rows as this process has them."""
    return [rows.digest() for rows in (spec.forget, spec.retain) if rows is not None]


def _recorded(recorder: Recorder) -> dict[str, Any]:
    """Return what the method did to the world outside its process, as far as Python told of it."""
    return {
        "written": recorder.written,
        "suite_files_read": recorder.suite_files_read,
        "connections": recorder.connections,
        "programs": recorder.programs,
    }


def _strange(name: str, value: Any) -> str:
    """Return what a value of a state dict is, if it is no dense tensor with a plain dtype; empty if it is."""
    if not isinstance(value, torch.Tensor):
        return f"a {type(value).__name__} under {name}"
    if value.layout is not torch.strided:
        return f"a {str(value.layout).removeprefix('torch.')} tensor under {name}"
    if value.is_quantized:
        return f"a quantised tensor under {name}"
    if isinstance(value, nn.UninitializedParameter | nn.UninitializedBuffer):
        return f"a tensor without values under {name}"
    return ""


@contextlib.contextmanager
def _counting(limit: float | None, report: dict[str, Any]) -> Iterator[None]:
    """Count FLOPs into the report and stop at the limit; without a limit do nothing, because counting costs time."""
    if limit is None:
        yield
        return
    with metered(limit) as meter:
        try:
            yield
        finally:
            report["flops"] = meter.total


def _probe(returned: nn.Module, task: Task, spec: CallSpec, report: dict[str, Any]) -> torch.Tensor | None:
    """Return outputs of the returned object itself, for ``contract.weights-only`` to compare with its weights'."""
    try:
        return torch.cat([task.logits_of(returned, rows) for rows in probe_rows(spec)])
    # An object without outputs is the check's to judge; the weights are sent all the same.
    except Exception as error:
        report["probe_error"] = f"{type(error).__name__}: {error}"
        return None


def main(folder: str, scratch: str, header: dict[str, Any], descriptors: tuple[int, ...]) -> int:
    """Make a call, in the forked child, and write its result to ``folder``; return the exit status.

    Args:
        folder: folder of the result files.
        scratch: working folder of the method.
        header: the call (``CallInput``), or an operation without rows.
        descriptors: descriptors of the call's parts.
    """
    torch.set_num_threads(1)
    files = CallFolder(Path(folder))
    # Temporary files of the method land where they are searched afterwards. tempfile caches its folder, so the cache is
    # cleared.
    os.environ["TMPDIR"] = scratch
    import tempfile

    tempfile.tempdir = None
    os.chdir(scratch)
    # The server's path is that of its start, and the suite's may have grown since.
    sys.path[:] = header["sys_path"]
    if header["operation"] == "describe":
        record = _described(header["method_ref"], tuple(header["watched"]))
    else:
        call = CallInput(header, descriptors)
        record, state, probe = call_method(call.spec(), header["method_ref"], tuple(header["watched"]), call.places())
        if state:
            save_file(state, files.weights)
        if probe is not None:
            save_file({"probe": probe}, files.probe)
    # Written last and renamed into place: a record that is there is whole, and so are the other files.
    partial = files.result.with_suffix(".partial")
    partial.write_text(json.dumps(record), encoding="utf-8")
    os.replace(partial, files.result)
    return 0


def _described(method_ref: str, watched: tuple[str, ...]) -> dict[str, Any]:
    """Return the record of a description: importing and constructing the method is watched as a call is."""
    recorder = Recorder(watched)
    recorder.start()
    try:
        record = {"status": "returned", "description": describe(method_ref)}
    except MethodError as error:
        record = {"status": "raised", "message": str(error)}
    # Importing a module may raise anything, such as SystemExit.
    except BaseException as error:
        record = {"status": "escaped", "message": f"importing it raised {type(error).__name__}: {error}"}
    recorder.stop()
    return {**record, **_recorded(recorder)}
