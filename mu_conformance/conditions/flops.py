"""Count the FLOPs of what torch runs, operation by operation, up to a limit."""

from __future__ import annotations

import _thread
import contextlib
import functools
import mmap
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

__all__ = ["FlopMeter", "OverBudget", "StepsLeft", "counted", "flops_left", "metered"]


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query.shape, key.shape, value.shape)


def _attention_backward(gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_backward_flop_count(gradient.shape, query.shape, key.shape, value.shape)


def _matrix_vector(matrix: Any, _vector: Any, **__: Any) -> int:
    return 2 * matrix.numel()


_FORMULAS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    # The keys are packets, not overloads: a packet covers the ``out=`` variant of an operation too.
    # torch's own counter leaves out attention on the CPU and products with a vector. A method could spend its budget
    # there unseen.
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    torch.ops.aten.mv: _matrix_vector,
    torch.ops.aten.dot: _matrix_vector,
    torch.ops.aten.vdot: _matrix_vector,
    torch.ops.aten.addmv: lambda _added, matrix, vector, **_: _matrix_vector(matrix, vector),
}


class OverBudget(BaseException):
    """Raised when more FLOPs than the limit were used.

    The error derives from ``BaseException``, so that a method's ``except Exception`` does not swallow it.
    """


class _Total:
    """Holds a number that threads and forked processes share."""

    def __init__(self) -> None:
        # Anonymous shared memory survives a fork as the same page, so FLOPs of a forked worker are added to the
        # parent's total. A plain attribute would be copied, and the worker's FLOPs lost.
        self._memory = mmap.mmap(-1, 8)
        # The lock guards the threads of one process against each other. A forked process has a copy of the lock.
        self._lock = threading.Lock()

    def __int__(self) -> int:
        return struct.unpack("q", self._memory[:8])[0]

    def add(self, amount: int) -> int:
        """Add ``amount`` and return the new total."""
        with self._lock:
            total = int(self) + amount
            self._memory[:8] = struct.pack("q", total)
        return total


class FlopMeter(TorchDispatchMode):
    """Counts the FLOPs of matrix products, convolutions and attention inside the block.

    The formulas are torch's and a few more. A multiplication and an addition are two FLOPs. Elementwise operations do
    not count, nor does work outside torch, so a product written out in single numbers is free.

    Past ``limit``, every further counted operation raises ``OverBudget``.

    Args:
        limit: largest number of FLOPs; None: no limit.
        total: total to add to; None: a new one.
    """

    def __init__(self, limit: float | None = None, total: _Total | None = None) -> None:
        super().__init__()
        self.limit = limit
        self._total = total or _Total()

    @property
    def total(self) -> int:
        """Return the FLOPs counted so far."""
        return int(self._total)

    def another(self) -> FlopMeter:
        """Return a meter for another thread, with the same total and limit."""
        return FlopMeter(self.limit, self._total)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation and count it; torch calls this for every operation inside the block."""
        kwargs = kwargs or {}
        formula = _FORMULAS.get(func._overloadpacket)
        if formula is None:
            # An operation without a formula may be made of others. Decomposing it with the mode on counts those. torch
            # turns the mode off inside this function, so ``with self`` turns it on again.
            with self:
                parts = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if parts is NotImplemented else parts
        # Count after running, because some formulas need the shape of the output. The operation that crosses the limit
        # has therefore run, but its result is not returned.
        out = func(*args, **kwargs)
        total = self._total.add(int(formula(*args, **kwargs, out_val=out)))
        if self.limit is not None and total > self.limit:
            raise OverBudget(f"stopped at {total:.3g} FLOPs, with a budget of {self.limit:.3g}")
        return out


_limited: list[FlopMeter] = []
"""Meters with a limit that are at work, the innermost last."""


def flops_left() -> float | None:
    """Return the FLOPs that a budget leaves to the running call, at least 0; None where there is no limit."""
    if not _limited:
        return None
    meter = _limited[-1]
    return max(0.0, (meter.limit or 0.0) - meter.total)


class StepsLeft:
    """Estimates how many more steps fit into a budget, at the cost of the most expensive step so far.

    Call it before each step, the first included. The cost of the first step is not known beforehand, so the answer is
    then ``sys.maxsize``. Without a limit the answer is always ``sys.maxsize``.

    Args:
        spared: FLOPs of the budget to leave unused.
    """

    def __init__(self, spared: float = 0.0) -> None:
        self._spared, self._costliest = spared, 0.0
        self._before: float | None = None

    def __call__(self) -> int:
        """Return the number of further steps that fit."""
        left = flops_left()
        if left is None:
            return sys.maxsize
        if self._before is not None:
            self._costliest = max(self._costliest, self._before - left)
        self._before = left
        return max(0, int((left - self._spared) // self._costliest)) if self._costliest else sys.maxsize


@contextlib.contextmanager
def metered(limit: float | None = None) -> Iterator[FlopMeter]:
    """Count FLOPs inside the block, in threads started there too.

    Args:
        limit: largest number of FLOPs, past which ``OverBudget`` is raised; None: no limit.
    """
    meter = FlopMeter(limit)

    # A torch dispatch mode belongs to one thread, so work in a new thread would escape the count. Every function that
    # starts a thread is wrapped, and the thread enters a meter of its own with the shared total.
    def metering(start: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(start)
        def start_metered(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            def run(*given: Any, **named: Any) -> None:
                with meter.another():
                    function(*given, **named)

            return start(run, *args, **kwargs)

        return start_metered

    # Every way to start a thread ends in one of these functions. The joinable ones exist from Python 3.13 on. Both
    # modules are patched, because threading binds the functions by name at import.
    names = ("start_new_thread", "start_new", "start_joinable_thread", "_start_new_thread", "_start_joinable_thread")
    before = {(module, name): getattr(module, name, None) for module in (_thread, threading) for name in names}
    # Several names share one function, so they share one wrapper too.
    wrapped = {start: metering(start) for start in before.values() if start is not None}
    for (module, name), start in before.items():
        if start is not None:
            setattr(module, name, wrapped[start])
    # Only meters with a limit are listed: ``flops_left`` would otherwise report on a meter that merely counts.
    limited = [meter] if limit is not None else []
    _limited.extend(limited)
    try:
        with meter:
            yield meter
    finally:
        # Undo everything even when OverBudget passes through: later threads must not count against this budget.
        for one in limited:
            _limited.remove(one)
        for (module, name), start in before.items():
            if start is not None:
                setattr(module, name, start)


def counted(function: Callable[[], Any]) -> int:
    """Return the FLOPs of calling ``function`` once."""
    with metered() as meter:
        function()
    return meter.total
