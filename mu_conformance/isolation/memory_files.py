"""Hold a call's input and its read counters in files without a name, which are handed over as open descriptors.

Nothing lies in a folder, so nothing stays there if the suite is killed, and a call finds only what it was handed.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Mapping

import numpy as np
import torch
from safetensors.torch import save

__all__ = ["Counters", "read_tensors", "write_tensors"]

_DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip
"""Dtypes by their names in safetensors."""
_ADD_SEALS, _SEAL_SHRINK, _SEAL_GROW, _SEAL_WRITE = 1033, 2, 4, 8
"""Of Linux' ``fcntl.h``; Python has names for them on Linux only."""


def _unnamed(content: bytes, *, constant: bool) -> int:
    """Return the descriptor of a new file without a name; on Linux its size cannot change, nor a constant's content."""
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.flush()
            return os.dup(file.fileno())
    import fcntl

    descriptor = os.memfd_create("mu-conformance", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    # A call that shortened a mapped file would end whoever reads it.
    fcntl.fcntl(descriptor, _ADD_SEALS, _SEAL_SHRINK | _SEAL_GROW | (_SEAL_WRITE if constant else 0))
    return descriptor


def write_tensors(tensors: Mapping[str, torch.Tensor]) -> int:
    """Return the descriptor of a file that holds tensors as safetensors; the caller closes it."""
    return _unnamed(save({name: t.contiguous().clone() for name, t in tensors.items()}), constant=True)


def read_tensors(descriptor: int) -> dict[str, torch.Tensor]:
    """Return the tensors of a file written by ``write_tensors``.

    Nothing is copied. Writing into a tensor changes it for this process and those that it forks later, not in the file.
    """
    content = mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    size = int.from_bytes(content[:8], "little")
    start, found = 8 + size, {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        (begin, end), shape, dtype = entry["data_offsets"], entry["shape"], _DTYPES[entry["dtype"]]
        if begin == end:
            found[name] = torch.empty(shape, dtype=dtype)
            continue
        count = (end - begin) // torch.empty(0, dtype=dtype).element_size()
        found[name] = torch.frombuffer(content, dtype=dtype, count=count, offset=start + begin).reshape(shape)
    return found


class Counters:
    """Counts the reads of each row in memory shared by all processes of a call.

    Args:
        descriptor: file of the counters; None for counters of this process alone.
        first: number of the first counter.
        size: number of counters.
    """

    def __init__(self, descriptor: int | None, first: int, size: int) -> None:
        if descriptor is None or size == 0:
            self.values = np.zeros(size, dtype=np.int64)
        else:
            shared = mmap.mmap(descriptor, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self.values = np.frombuffer(shared, dtype=np.int64, count=size, offset=8 * first)

    @staticmethod
    def create(size: int) -> int:
        """Return the descriptor of a new file of that many counters; the caller closes it."""
        return _unnamed(bytes(8 * max(size, 1)), constant=False)

    @staticmethod
    def read(descriptor: int, size: int) -> np.ndarray:
        """Return the counters of a file, int64 [size]; negative ones, which only tampering can make, as 0."""
        return np.clip(np.frombuffer(os.pread(descriptor, 8 * size, 0), dtype=np.int64), 0, 1 << 40)
