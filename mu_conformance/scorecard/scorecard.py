"""The scorecard: a document, and what is made of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mu_conformance.scorecard.diagnosis import Diagnosis, diagnose
from mu_conformance.scorecard.diff import changes
from mu_conformance.scorecard.document import Document, ScorecardError, read_json, write
from mu_conformance.scorecard.renders import markdown
from mu_conformance.scorecard.renders.terminal import terminal_lines

__all__ = ["Scorecard"]


@dataclasses.dataclass(frozen=True)
class Scorecard(Document):
    """The result of judging one method. ``print(card)`` shows what the terminal shows."""

    def diff(self, earlier: Document) -> list[tuple[str, str, str, str]]:
        """Return (check, scenario, outcome before, outcome now) for each entry that differs from an earlier one."""
        return changes(earlier, self)

    def save(self, path: Path | str) -> Path:
        """Write ``scorecard.json``, or into a folder of that name; return the file's path.

        Raises ``ScorecardError`` if it cannot be written.
        """
        target = Path(path)
        if target.is_dir():
            target = target / "scorecard.json"
        try:
            write(self, target)
        except OSError as error:
            raise ScorecardError(f"scorecard {target} cannot be written: {error.strerror}") from None
        return target

    @classmethod
    def load(cls, path: Path | str) -> Scorecard:
        """Read a scorecard, whole or partial; raise ``ScorecardError`` with the file's name if it cannot be used."""
        document = read_json(Path(path))
        try:
            return cls.from_json(document)
        except ScorecardError as error:
            raise ScorecardError(f"scorecard {path} is {error}") from None

    @property
    def diagnosis(self) -> Diagnosis:
        """What the run shows of the method, in one or two sentences."""
        return diagnose(self)

    def to_markdown(self) -> str:
        """Return the scorecard as Markdown."""
        return markdown.render(self)

    def to_html(self) -> str:
        """Return the scorecard as a page: one file that needs no network and no JavaScript."""
        from mu_conformance.scorecard.renders import html

        return html.render(self)

    def _repr_html_(self) -> str:
        """Return the page in a frame, for a notebook."""
        from mu_conformance.scorecard.renders import html

        return html.notebook(self)

    def __str__(self) -> str:
        return "\n".join(terminal_lines(self))
