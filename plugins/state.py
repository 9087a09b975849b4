"""What the plugins of one run share."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from mu_conformance.judging.session import JudgingSession
from mu_conformance.scorecard.record import Record
from mu_conformance.tasks import registry

from .options import Options
from .progress import Display
from .reporting import Reporting
from .suite_tasks import packaged_suites

__all__ = ["State"]


@dataclasses.dataclass
class State:
    """One run of the suite in one process: the controller's, a worker's, or the only one."""

    config: Any
    options: Options
    reporting: Reporting
    display: Display
    """What shows the progress."""
    sessions: list[JudgingSession] = dataclasses.field(default_factory=list)
    """One for each method."""
    descriptions: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """What each method's process said of it."""
    records: list[Record] = dataclasses.field(default_factory=list)
    """In the controller, all findings of each method; in a worker, those of the run that is resumed."""

    @property
    def worker(self) -> dict[str, Any] | None:
        """What the controller handed to this process, if it is a worker."""
        return getattr(self.config, "workerinput", None)

    @property
    def packaged(self) -> bool:
        """Whether the packaged suites run, and not files that the user named."""
        return bool(self.config.args == packaged_suites())

    @property
    def _some_packaged(self) -> bool:
        """Whether the user named files of the packaged suites: then the others are missing from the run."""
        files = {str(Path(arg.partition("::")[0]).resolve()) for arg in map(str, self.config.args)}
        return bool(files & {str(Path(path).resolve()) for path in packaged_suites()})

    def scope(self) -> list[str]:
        """Return the tasks that the manifest covers: those asked for, else those collected, else all."""
        collected = sorted({task for record in self.records for task in record.entries})
        if self.options.settings.tasks:
            return list(self.options.settings.tasks)
        if self.packaged or not collected or self._some_packaged:
            return sorted({*registry.task_names(self.options.settings.data), *collected})
        return collected
