"""Measure what the installed plugin costs a plain pytest run: the median of ``ROUNDS``, with and without it in turn.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 10
"""Pairs of runs."""


def seconds(folder: Path, *options: str) -> float:
    """Return the wall time of a pytest run in a folder, in seconds."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_plain.py").write_text(
            "import sys\n\ndef test_plain():\n    assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)\n"
        )
        without, with_plugin = [], []
        seconds(folder)
        for _ in range(ROUNDS):
            without.append(seconds(folder, "-p", "no:mu_conformance.plugins.entry"))
            with_plugin.append(seconds(folder))
    a, b = statistics.median(without), statistics.median(with_plugin)
    paired = statistics.median(y - x for x, y in zip(without, with_plugin, strict=True))
    print(
        f"without {a:.3f} s, with {b:.3f} s, median difference {1000 * paired:.0f} ms "
        f"(of {ROUNDS} pairs); no torch imported"
    )


if __name__ == "__main__":
    main()
