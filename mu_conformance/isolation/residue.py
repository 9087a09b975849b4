"""Find forget rows left behind in files: search what a call wrote for the rows' values."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickletools
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mu_conformance.isolation.call import CallFolder
from mu_conformance.tasks import Rows

__all__ = ["everything_in", "files_in", "find_residue", "needles_of", "recent_files"]

_LARGEST = 64 << 20
"""Largest file that is decoded, bytes; the bytes of a larger one are searched as they are."""
_ALIKE = {"f": (np.float32, np.float64, np.float16), "i": (np.int64, np.int32, np.int16, np.uint8, np.float32)}
"""Types in which a row's numbers may be written, by kind of the column's own type."""
_ROWS_IN_LARGE_FILES = 8
"""Number of forget rows looked for in a file too large to be decoded, evenly spaced."""
_CONTAINERS = (b"PK\x03\x04", b"\x93NUMPY", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""First bytes of known formats: zip, numpy, pickle."""


def files_in(folder: Path) -> list[Path]:
    """Return all files below a folder."""
    return [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]


def everything_in(files: CallFolder) -> list[Path]:
    """Return all files that a call wrote, except those that carry its result.

    Links are left out: what they lead to is a file of its own, or lies outside.
    """
    results = {str(path) for path in files.results}
    found = dict.fromkeys([*files_in(files.scratch), *files_in(files.path)])
    return [path for path in found if str(path) not in results and not path.is_symlink()]


def recent_files(roots: Iterable[Path], since: float, ignore: tuple[Path, ...], entries: int = 4000) -> list[Path]:
    """Return files near the top of ``roots`` that changed after ``since``.

    Native code writes without an audit event, so likely places are looked at as well.

    Args:
        roots: folders to look at, two levels deep.
        since: seconds since the epoch.
        ignore: folders of the suite's own.
        entries: largest number of entries seen in each root.
    """
    found: list[Path] = []
    ignored = tuple(str(path.resolve()) for path in ignore)
    for root in {path.resolve() for path in roots if path.is_dir()}:
        queue, seen = [(root, 0)], 0
        while queue and seen < entries:
            folder, depth = queue.pop(0)
            try:
                with os.scandir(folder) as listing:
                    for entry in listing:
                        seen += 1
                        if entry.path.startswith(ignored) or entry.is_symlink():
                            continue
                        # A file created in a folder changes the folder's time, so an older folder has no new files of
                        # its own.
                        if entry.is_dir():
                            if depth < 2 and entry.stat().st_mtime >= since - 1:
                                queue.append((Path(entry.path), depth + 1))
                        # The change time, because a method can set the modification time back.
                        elif entry.is_file() and entry.stat().st_ctime >= since:
                            found.append(Path(entry.path))
            except OSError:
                continue
    return found


def find_residue(files: Iterable[Path], forget: Rows, *, strict: bool) -> list[str]:
    """Return one line for each file with forget rows in it.

    Args:
        files: files to search.
        forget: rows to look for.
        strict: True to also report files of no known format, which may hold them.
    """
    lines: list[str] = []
    if len(forget) == 0:
        return lines
    needles = needles_of(forget)
    # A smaller file cannot hold the values of even one row, however packed.
    smallest = min(len(needle) for needle, _, _ in needles) // 8
    for path in files:
        try:
            # An empty file holds nothing, and a call may leave very many.
            if not path.is_file() or path.stat().st_size == 0 or path.suffix == ".pyc":
                continue
            if path.stat().st_size > _LARGEST:
                if _in_large_file(path, forget):
                    lines.append(f"{path.name} ({path.stat().st_size} bytes) holds rows of the forget set")
                continue
            content = path.read_bytes()
        except OSError:
            continue
        decoded = list(_decodings(content))
        if any(needle in text for text in decoded for needle, _, _ in needles) or _numbers_match(decoded, needles):
            lines.append(f"{path.name} ({len(content)} bytes) holds rows of the forget set")
        elif strict and len(content) > smallest and _opaque(content) and len(decoded) == 1:
            lines.append(f"{path.name} ({len(content)} bytes) is of no known format and may hold the forget set")
    return lines


def _in_large_file(path: Path, forget: Rows) -> bool:
    """Return whether the bytes of a file hold one of some rows as they are."""
    some = np.unique(np.linspace(0, len(forget) - 1, _ROWS_IN_LARGE_FILES).astype(int))
    needles = needles_of(forget.select(some))
    overlap, before = max(len(needle) for needle, _, _ in needles), b""
    with path.open("rb") as file:
        while chunk := file.read(_LARGEST):
            # Room that was only taken holds nothing, and is skipped at the speed of memory.
            if chunk == chunk[:1] * len(chunk):
                before = chunk[-overlap:]
                continue
            text = before + chunk
            if any(needle in text for needle, _, _ in needles):
                return True
            before = text[-overlap:]
    return False


def needles_of(forget: Rows) -> list[tuple[bytes, np.ndarray, int]]:
    """Return each row's most telling column, as bytes in the likely types, as numbers, and the row's number.

    The column is the one with the most values, and of several that with the most different ones.
    """
    column = max(forget.columns.values(), key=lambda c: (c[0].numel(), len(c[:50].unique()))).numpy()
    needles: list[tuple[bytes, np.ndarray, int]] = []
    for number, row in enumerate(column):
        # Padding at the end may be cut off in a file. The length is limited, because a part of a row is enough to tell.
        flat = np.trim_zeros(row.reshape(-1), "b")[:256]
        # A row of so few different values would be found in any file.
        if len(flat) < 4 or len(np.unique(flat)) < 3:
            continue
        for kind in (flat.dtype.type, *_ALIKE["f" if flat.dtype.kind == "f" else "i"]):
            # The values would wrap around, and match bytes that are not theirs.
            if flat.dtype.kind != "f" and np.dtype(kind).kind in "iu" and flat.max() > np.iinfo(kind).max:
                continue
            needles.append((flat.astype(kind).tobytes(), flat, number))
        if flat.dtype.kind == "f":
            # The upper half of a float32 is the bfloat16 number.
            needles.append((flat.astype(np.float32).view(np.uint16)[1::2].tobytes(), flat, number))
    return needles or [(column[0].tobytes(), column[0].reshape(-1), 0)]


def _decodings(content: bytes) -> Iterator[bytes]:
    """Yield a file's content as it is, decompressed, and each member of a zip archive."""
    yield content
    for decode in (gzip.decompress, bz2.decompress, lzma.decompress, zlib.decompress):
        try:
            yield decode(content)
        except Exception:
            continue
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    except Exception:
        return


def _pickled_numbers(content: bytes) -> np.ndarray:
    """Return the numbers in a pickle, in order, read from its opcodes; nothing is unpickled."""
    numbers: list[float] = []
    try:
        for _, argument, _ in pickletools.genops(content):
            if isinstance(argument, int | float) and not isinstance(argument, bool):
                numbers.append(float(argument))
    except Exception:
        return np.empty(0)
    return np.array(numbers)


def _is_text(content: bytes) -> bool:
    """Return whether the content is text."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in content


def _opaque(content: bytes) -> bool:
    """Return whether the content is of no known format."""
    if _is_text(content) or content.startswith(_CONTAINERS):
        return False
    # A safetensors file begins with eight bytes of header length, then JSON.
    return not (len(content) > 9 and content[8:9] == b"{")


def _numbers_match(decoded: list[bytes], needles: list[tuple[bytes, np.ndarray, int]]) -> bool:
    """Return whether the numbers in a text or a pickle contain the beginning of a row."""
    for text in decoded:
        if _is_text(text):
            numbers = np.array([float(word) for word in re.findall(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?", text)])
        elif text.startswith(b"\x80"):
            numbers = _pickled_numbers(text)
        else:
            continue
        if len(numbers) < 4:
            continue
        for _, row, _ in needles:
            # The tolerance allows for printed numbers of few digits.
            row = row[:16].astype(float)
            starts = np.flatnonzero(np.isclose(numbers, row[0], rtol=1e-3, atol=1e-6))
            for start in starts[:200]:
                window = numbers[start : start + len(row)]
                if len(window) == len(row) and np.allclose(window, row, rtol=1e-3, atol=1e-6):
                    return True
    return False
