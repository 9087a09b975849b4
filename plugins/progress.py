"""A progress bar while originals and references are trained; a line now and then where there is no terminal."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Progress"]

SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Called with a message after each model trained. Nothing is shown when nothing has to be trained."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.count = 0
        self.last = 0.0
        self.bar: Any = None

    def __call__(self, message: str) -> None:
        self.count += 1
        capture = self.config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            self._show(message)
            return
        with capture.global_and_fixture_disabled():
            self._show(message)

    def _show(self, message: str) -> None:
        if sys.stderr.isatty() and not hasattr(self.config, "workerinput"):
            if self.bar is None:
                from rich.console import Console
                from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
                from rich.progress import Progress as Bar

                columns = (
                    TextColumn("building artefacts:"),
                    BarColumn(),
                    TextColumn("{task.completed} {task.description}"),
                )
                self.bar = Bar(
                    *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True, auto_refresh=False
                )
                self.bar.start()
                self.bar.add_task(message, total=None)
            self.bar.update(self.bar.task_ids[0], completed=self.count, description=message, refresh=True)
        elif time.monotonic() - self.last > SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            print(
                f"\nmu-conformance: building artefacts, {self.count} models so far ({message})",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
