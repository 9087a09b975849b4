"""What the tests share: a toy task in a folder of its own, and real pytest runs over it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mu_conformance.judging.session import JudgingSession

pytest_plugins = ["pytester"]

TOY = Path(__file__).parent / "toy"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that all tests of a run share, on every xdist worker: the toy's models are trained once."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "toy-cache"


@dataclasses.dataclass
class Run:
    """What came of a real pytest run."""

    status: int
    output: str
    folder: Path

    @property
    def card(self) -> dict[str, Any]:
        """The scorecard that was written last, whole or partial."""
        written = (self.folder / "mu-report").glob("**/scorecard.json")
        return json.loads(max(written, key=lambda path: path.stat().st_mtime_ns).read_text())

    def outcomes(self, check: str | None = None) -> dict[tuple[str, str], str]:
        return {(e["id"], e["scenario"]): e["outcome"] for e in self.card["checks"] if check in (None, e["id"])}


class Toy:
    """A folder with the toy task, its suite and its methods."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        for file in TOY.glob("*.py"):
            shutil.copy(file, folder)

    def command(self, method: str, *options: str) -> list[str]:
        ref = method if ":" in method or "." in method else f"toy_methods:{method}"
        start = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=short"]
        # Another run then draws the same requests and seeds.
        drawn = [] if "--mu-challenge" in options else ["--mu-challenge", "drawn for the tests"]
        return [*start, "test_toy.py", "--method", ref, "--mu-cache", str(self.cache), *drawn, *options]

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "GITHUB_"))}
        return {**kept, "OMP_NUM_THREADS": "1", **extra}

    def run(self, method: str, *options: str, **environment: str) -> Run:
        done = subprocess.run(
            self.command(method, *options),
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=280,
        )
        return Run(done.returncode, done.stdout + done.stderr, self.folder)


@pytest.fixture
def toy(tmp_path: Path, shared_cache: Path) -> Toy:
    folder = tmp_path / "repository"
    folder.mkdir()
    return Toy(folder, shared_cache)


@pytest.fixture
def judging(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., JudgingSession]]:
    """A function from a method, a task and settings to a session, closed at the end; each draws the same requests."""
    from mu_conformance.judging.session import JudgingSession
    from mu_conformance.judging.settings import Settings

    monkeypatch.syspath_prepend(str(TOY))
    made: list[JudgingSession] = []

    def make(ref: str, task: Any, **settings: Any) -> JudgingSession:
        chosen = Settings(**{"cache": shared_cache, "challenge": "drawn for the tests", **settings})
        made.append(JudgingSession(ref, chosen, tasks=[task], sys_path=list(sys.path)))
        return made[-1]

    yield make
    for one in made:
        one.close()
