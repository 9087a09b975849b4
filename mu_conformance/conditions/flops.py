"""FLOPs of what torch runs: counted operation by operation, up to a limit."""

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
    # what torch's own counter leaves out: attention on the CPU, and products with a vector
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    torch.ops.aten.mv: _matrix_vector,
    torch.ops.aten.dot: _matrix_vector,
    torch.ops.aten.vdot: _matrix_vector,
    torch.ops.aten.addmv: lambda _added, matrix, vector, **_: _matrix_vector(matrix, vector),
}


class OverBudget(BaseException):
    """More FLOPs than the limit. No ``Exception``, so that code which catches those does not go on."""


class _Total:
    """A number that threads and forked processes share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)
        self._lock = threading.Lock()

    def __int__(self) -> int:
        return struct.unpack("q", self._memory[:8])[0]

    def add(self, amount: int) -> int:
        with self._lock:
            total = int(self) + amount
            self._memory[:8] = struct.pack("q", total)
        return total


class FlopMeter(TorchDispatchMode):
    """Counts the FLOPs of matrix products, convolutions and attention inside the block, by torch's formulas and a few more.

    What is written out in sums and products of single numbers does not count, nor what runs outside torch. A
    multiplication and an addition are two. Past ``limit`` every further one that counts raises ``OverBudget``.
    """

    def __init__(self, limit: float | None = None, total: _Total | None = None) -> None:
        super().__init__()
        self.limit = limit
        self._total = total or _Total()

    @property
    def total(self) -> int:
        return int(self._total)

    def another(self) -> FlopMeter:
        """A meter for another thread, with the same total and limit."""
        return FlopMeter(self.limit, self._total)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        formula = _FORMULAS.get(func._overloadpacket)
        if formula is None:
            # an operation that is made of others counts as those
            with self:
                parts = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if parts is NotImplemented else parts
        out = func(*args, **kwargs)
        total = self._total.add(int(formula(*args, **kwargs, out_val=out)))
        if self.limit is not None and total > self.limit:
            raise OverBudget(f"stopped at {total:.3g} FLOPs, with a budget of {self.limit:.3g}")
        return out


_limited: list[FlopMeter] = []
"""Meters with a limit that are at work, the innermost last."""


def flops_left() -> float | None:
    """What a budget leaves to the call that is running, at least 0; None where there is no limit."""
    if not _limited:
        return None
    meter = _limited[-1]
    return max(0.0, (meter.limit or 0.0) - meter.total)


class StepsLeft:
    """How many more steps a budget has room for, if they cost what the costliest so far did; ``spared`` FLOPs are not used.

    Called before each step, the first too, of which the cost is not known yet; ``sys.maxsize`` where there is no limit.
    """

    def __init__(self, spared: float = 0.0) -> None:
        self._spared, self._costliest = spared, 0.0
        self._before: float | None = None

    def __call__(self) -> int:
        left = flops_left()
        if left is None:
            return sys.maxsize
        if self._before is not None:
            self._costliest = max(self._costliest, self._before - left)
        self._before = left
        return max(0, int((left - self._spared) // self._costliest)) if self._costliest else sys.maxsize


@contextlib.contextmanager
def metered(limit: float | None = None) -> Iterator[FlopMeter]:
    """Count inside the block, in threads that are started there too: torch's modes are of one thread each."""
    meter = FlopMeter(limit)

    def metering(start: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(start)
        def start_metered(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            def run(*given: Any, **named: Any) -> None:
                with meter.another():
                    function(*given, **named)

            return start(run, *args, **kwargs)

        return start_metered

    # all that starts a thread ends in one of these, the joinable ones from Python 3.13 on
    names = ("start_new_thread", "start_new", "start_joinable_thread", "_start_new_thread", "_start_joinable_thread")
    before = {(module, name): getattr(module, name, None) for module in (_thread, threading) for name in names}
    wrapped = {start: metering(start) for start in before.values() if start is not None}
    for (module, name), start in before.items():
        if start is not None:
            setattr(module, name, wrapped[start])
    limited = [meter] if limit is not None else []
    _limited.extend(limited)
    try:
        with meter:
            yield meter
    finally:
        for one in limited:
            _limited.remove(one)
        for (module, name), start in before.items():
            if start is not None:
                setattr(module, name, start)


def counted(function: Callable[[], Any]) -> int:
    """The FLOPs of calling ``function`` once."""
    with metered() as meter:
        function()
    return meter.total
