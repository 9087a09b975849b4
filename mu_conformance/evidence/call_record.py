"""Judge one call of a method in the suite's own process, from the weights and the report that came back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import nn

from mu_conformance.evidence.rounding import rounded
from mu_conformance.isolation.call import CallResult, CallSpec, probe_rows
from mu_conformance.protocol.request import Budget
from mu_conformance.tasks import Task

__all__ = ["CallRecord", "judge_call", "load_state"]


@dataclasses.dataclass(frozen=True)
class CallRecord:
    """Records a call, and what the suite found when it loaded the weights into a model of its own."""

    call: CallResult
    """Result of the call."""
    budget: Budget
    """Limits of the call."""
    batch_size: int | None = None
    """Batch size of the request's recipe; None where it is not known."""
    misfits: tuple[str, ...] = ()
    """Parameters that are missing, unexpected, of another shape or dtype, or changed though the task freezes them."""
    not_finite: tuple[str, ...] = ()
    """Names of tensors with NaN or infinite values."""
    weights_gap: float | None = None
    """Largest difference between outputs of the returned object and of its weights; None if either has none."""
    copied: str | None = None
    """Why the returned model is taken for a stored reference; None if it is not."""

    @property
    def judged(self) -> dict[str, torch.Tensor]:
        """Return the weights that are judged: the returned ones, rounded (``rounding``)."""
        return rounded(self.call.state)

    def problems(self) -> tuple[str, ...]:
        """Return why these weights cannot be judged; empty if they can."""
        if not self.call.returned:
            return (f"{self.call.status}: {self.call.message}",)
        if self.misfits:
            return self.misfits
        return tuple(f"NaN or infinite values in {name}" for name in self.not_finite)


_COMPILED = "_orig_mod."
"""Prefix of every name of a compiled model's state dict."""


def load_state(model: nn.Module, state: Mapping[str, torch.Tensor]) -> list[str]:
    """Load a returned state dict into ``model``; return what does not fit, a line each.

    If anything does not fit, nothing is loaded.
    """
    expected = model.state_dict()
    wrapped = [name for name in state if name not in expected and name.removeprefix(_COMPILED) in expected]
    if wrapped:
        return [f"{len(wrapped)} names begin with {_COMPILED!r}, torch.compile's prefix: return model._orig_mod"]
    problems = [f"missing {name}" for name in expected if name not in state]
    problems += [f"unexpected {name}" for name in state if name not in expected]
    for name in sorted(expected.keys() & state.keys()):
        if expected[name].shape != state[name].shape:
            problems.append(f"{name} has shape {tuple(state[name].shape)}, expected {tuple(expected[name].shape)}")
        elif expected[name].dtype != state[name].dtype:
            problems.append(f"{name} has dtype {state[name].dtype}, expected {expected[name].dtype}")
    if not problems:
        model.load_state_dict(dict(state))
    return problems


def judge_call(call: CallResult, task: Task, spec: CallSpec) -> tuple[CallRecord, nn.Module | None]:
    """Return the record of a call made by ``spec``, and a model to judge if the returned weights fit.

    The model has the returned weights after rounding, so that what is hidden below that precision is not judged and
    does not survive. The record is of the weights as they were returned.
    """
    if not call.returned:
        return CallRecord(call, spec.budget, spec.recipe.batch_size), None
    model = task.new_model(0, spec.architecture).to(spec.device)
    misfits = load_state(model, call.state) or [
        f"frozen parameter {name} was changed"
        for name, parameter in model.named_parameters()
        if not parameter.requires_grad and not torch.equal(call.state[name], spec.state[name])
    ]
    bad = [name for name, t in call.state.items() if t.is_floating_point() and not bool(torch.isfinite(t).all())]
    gap = None
    if not misfits and call.probe is not None:
        own = [task.logits_of(model, rows) for rows in probe_rows(spec)]
        outputs = torch.cat(own) if own else torch.empty(0)
        if outputs.shape == call.probe.shape:
            difference = (outputs.nan_to_num() - call.probe.nan_to_num()).abs()
            gap = float(difference.max()) if difference.numel() else 0.0
    record = CallRecord(call, spec.budget, spec.recipe.batch_size, tuple(misfits), tuple(bad), gap)
    if misfits:
        return record, None
    model.load_state_dict(record.judged)
    return record, model
