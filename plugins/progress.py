"""Shows the progress of a run: one live line on a terminal, a plain line now and then where there is none.

Only the standard library and light modules are imported, so that the first line appears before torch is loaded.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mu_conformance.judging.progress import Activity, Progress, Work

__all__ = ["Display"]

SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_REDRAWS = 0.2
_INVISIBLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Escape sequences for colours and window titles, which move no cursor."""
_PLAN = "plan.json"


class _Stream:
    """Wraps a text stream so that a line is erased before anything else is written.

    pytest makes its terminal reporter on ``sys.stdout`` as it is when the reporter's plugin is configured. The wrapper
    stands there by then, so that everything the reporter writes passes through here.
    """

    def __init__(self, stream: Any, line: _Line) -> None:
        self._stream, self._line = stream, line

    def write(self, text: str) -> Any:
        return self._line.before(self._stream, text)

    def writelines(self, lines: Any) -> None:
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Line:
    """A line on the real standard output, of which pytest's capturing takes nothing away."""

    def __init__(self, stream: Any) -> None:
        # While a test runs, pytest's capturing has put a file in place of the descriptor. The duplicate is still real.
        self.descriptor = os.dup(stream.fileno())
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.lock = threading.RLock()
        self.at_start = True
        """Whether the cursor is at the start of a line."""
        self._silent = False
        self._closed = False
        self._wrapped: list[tuple[str, Any, _Stream]] = []

    def wrap(self, *names: str) -> None:
        """Wrap standard streams, named as in ``sys``."""
        for name in names:
            stream = getattr(sys, name)
            wrapper = _Stream(stream, self)
            self._wrapped.append((name, stream, wrapper))
            setattr(sys, name, wrapper)

    def before(self, stream: Any, text: str) -> Any:
        """Write other text to ``stream``, where the line stands."""
        with self.lock:
            self.erase()
            written = stream.write(text)
            # Left in the stream's buffer, the text would come out after the line is drawn again.
            stream.flush()
            visible = _INVISIBLE.sub("", text)
            if visible:
                self.at_start = visible.endswith("\n")
            return written

    def erase(self) -> None:
        """Take the line from the screen."""

    def put(self, text: str) -> None:
        """Write to the real standard output; characters that its encoding lacks are replaced."""
        if self._silent or self._closed:
            return
        text = text.replace("·", "-").replace("…", "...") if not self.encoding.lower().startswith("utf") else text
        data = text.encode(self.encoding, "replace")
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self.descriptor, data) :]

    def pause(self, paused: bool) -> None:
        """Take the line from the screen and write nothing, or go on."""
        with self.lock:
            self.erase()
            self._silent = paused

    def close(self) -> None:
        """Take the line from the screen and give the streams back."""
        with self.lock:
            if self._closed:
                return
            self.erase()
            self._closed = True
            for name, stream, wrapper in self._wrapped:
                if getattr(sys, name) is wrapper:
                    setattr(sys, name, stream)
            os.close(self.descriptor)


class _Live(_Line):
    """One line on a terminal, drawn in place: where the cursor is, or below a line that is not yet ended."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._drawn: tuple[str, int] | None = None
        self.wrap("stdout", *(["stderr"] if sys.stderr is not None and sys.stderr.isatty() else []))

    def show(self, line: Callable[[int], str]) -> None:
        """Draw the line that ``line`` returns for a number of columns, unless it stands there already."""
        try:
            columns = os.get_terminal_size(self.descriptor).columns or 80
        except OSError:
            columns = 80
        # In the last column, some terminals would go on to the next line.
        text = line(columns - 1)
        with self.lock:
            if self._drawn == (text, columns):
                return
            if self.at_start:
                self.put(f"\r\x1b[2K{text}")
            elif self._drawn is None:
                # One line down and up again: the screen scrolls now if it must, and then the saved cursor stays true.
                self.put(f"\x1bD\x1bM\x1b7\r\n\x1b[2K{text}\x1b8")
            else:
                self.put(f"\x1b7\r\n\x1b[2K{text}\x1b8")
            self._drawn = text, columns

    def erase(self) -> None:
        if self._drawn is not None:
            self._drawn = None
            self.put("\r\x1b[2K" if self.at_start else "\x1b7\r\n\x1b[2K\x1b8")


class _Plain(_Line):
    """A line now and then, for the log of a machine."""

    def __init__(self, stream: Any, *, at_once: bool) -> None:
        super().__init__(stream)
        self._last = -math.inf if at_once else time.monotonic()
        self.wrap("stdout")

    def show(self, line: Callable[[int], str]) -> None:
        """Write the line if the last one is long enough ago."""
        if time.monotonic() - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = time.monotonic()
        with self.lock:
            self.put(f"{'' if self.at_start else os.linesep}mu-conformance: {line(10**6)}{os.linesep}")
            self.at_start = True


def _output(config: Any) -> _Live | _Plain | None:
    """Return where progress is shown; None where standard output is no file, and where tests are only listed."""
    stream, option = sys.stdout, config.option
    try:
        stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    # With tee-sys, pytest writes what tests print to the stream itself, in the middle of the line.
    if stream.isatty() and os.environ.get("TERM") != "dumb" and getattr(option, "capture", "no") != "tee-sys":
        return _Live(stream)
    return None if option.collectonly else _Plain(stream, at_once=getattr(option, "verbose", 0) >= 0)


class Display:
    """Shows what a run is doing until it is closed.

    A worker of pytest-xdist writes what it does to a file of its own, in a folder that the controller named. The
    controller reads these files whenever it draws.
    """

    def __init__(self, config: Any) -> None:
        self.progress = Progress()
        self._worker = getattr(config, "workerinput", None)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._planning = threading.Lock()
        self._output = None if self._worker else _output(config)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="mu-conformance progress", daemon=True)
        # The plugin is made at the very beginning, and this comes next.
        self.tell("importing torch")
        if self._output is not None:
            self._thread.start()

    # -- what is told ------------------------------------------------------------------------------------------------

    def tell(self, what: str, where: str = "", number: int = 0, total: int = 0) -> None:
        """Take what this process does now (``Activity``)."""
        self.progress.activity = activity = Activity(what, where, number, total)
        if self._worker:
            self._write(f"{self._worker['workerid']}.json", activity.to_json())

    def plan(self, works: Mapping[str, Work]) -> None:
        """Take the work on each scenario."""
        if self._worker:
            self._write(_PLAN, {name: [work.checks, work.weight] for name, work in works.items()})
        else:
            self.progress.plan(works, time.monotonic())

    def judged(self, scenario: str) -> None:
        """Count a check on a scenario."""
        self._read_plan()
        self.progress.judged(scenario, time.monotonic())

    # -- workers -----------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> str:
        """Return the folder for the workers' files."""
        if self._folder is None:
            # The prefix marks the suite's own folders, which a method is not blamed for.
            self._folder = tempfile.TemporaryDirectory(prefix="mu-conformance-", ignore_cleanup_errors=True)
        return self._folder.name

    def forget(self, worker: str) -> None:
        """Drop what a worker does, because it has ended."""
        if self._folder is not None:
            (Path(self.folder) / f"{worker}.json").unlink(missing_ok=True)

    def _write(self, name: str, record: Any) -> None:
        """Replace a file of the workers' folder at once; without the folder, as on another machine, do nothing."""
        assert self._worker is not None
        path = Path(self._worker["mu_progress"]) / name
        part = path.with_name(f"{name}.{os.getpid()}.part")
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(record), encoding="utf-8")
            part.replace(path)

    def _read_plan(self) -> None:
        if self._folder is None or self.progress.planned:
            return
        # Both the thread that draws and the one that counts come here.
        with self._planning, contextlib.suppress(OSError):
            record = json.loads((Path(self.folder) / _PLAN).read_text(encoding="utf-8"))
            if not self.progress.planned:
                self.plan({name: Work(checks, weight) for name, (checks, weight) in record.items()})

    def _workers(self) -> list[Activity]:
        found = []
        for path in sorted(Path(self.folder).glob("gw*.json")) if self._folder is not None else []:
            with contextlib.suppress(OSError):
                found.append(Activity(**json.loads(path.read_text(encoding="utf-8"))))
        return found

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _line(self, width: int) -> str:
        self._read_plan()
        return self.progress.line(time.monotonic(), width, self._workers())

    def _draw(self) -> None:
        assert self._output is not None
        while not self._ended.is_set():
            self._output.show(self._line)
            self._ended.wait(SECONDS_BETWEEN_REDRAWS)

    def pause(self, paused: bool) -> None:
        """Draw nothing while something else has the terminal, such as a debugger."""
        if self._output is not None:
            self._output.pause(paused)

    def close(self) -> None:
        """Take the line from the screen and end. Closing twice does no harm."""
        if self._ended.is_set():
            return
        self._ended.set()
        if self._output is not None:
            self._output.close()
            self._thread.join()
        if self._worker:
            with contextlib.suppress(OSError):
                (Path(self._worker["mu_progress"]) / f"{self._worker['workerid']}.json").unlink(missing_ok=True)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
