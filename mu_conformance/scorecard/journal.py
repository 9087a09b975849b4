"""The journal: findings written down as they are made, so that a stopped run can be resumed or reported.

``journal.jsonl`` has one JSON object a line: a header, each task's part of the manifest, each finding, and an end line
once the scorecard was written. A line counts once its newline is on disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from mu_conformance.checks.manifest import Entry, manifest_digest
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.building import environment
from mu_conformance.scorecard.document import ScorecardError
from mu_conformance.scorecard.record import Context, Judged, Record

__all__ = ["NAME", "SCHEMA", "Journal", "identity", "read_journal", "suite_digest"]

SCHEMA = "mu-conformance/journal/1"
NAME = "journal.jsonl"


def suite_digest() -> str:
    """Return the SHA-256 over every source file of this package: another suite may find otherwise."""
    sha = hashlib.sha256()
    for package in ("", ".suites", ".fixtures", ".plugins"):
        root = Path(str(importlib.resources.files(f"mu_conformance{package}")))
        for path in sorted(root.rglob("*.py")):
            sha.update(f"{path.relative_to(root).as_posix()}:".encode())
            sha.update(path.read_bytes())
    return sha.hexdigest()


def identity(
    description: Mapping[str, Any], claims: Claims, settings: Mapping[str, Any], ref: str
) -> dict[str, dict[str, Any]]:
    """Return what two runs must share for one to resume the other: method, suite, settings and environment.

    Args:
        description: what the method's process said of it.
        claims: those it is judged by.
        settings: of the judgement, as plain data.
        ref: the method's reference.
    """
    versions = environment("")
    return {
        "method": {
            "ref": ref,
            "source_sha256": description.get("source_sha256"),
            "package_sha256": description.get("package_sha256"),
            "modules_sha256": description.get("modules_sha256"),
            "claims": claims.to_json(),
        },
        "suite": {"sha256": suite_digest()},
        "settings": dict(settings),
        "environment": {name: versions[name] for name in ("python", "torch", "transformers", "numpy", "scipy")},
    }


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Name the first thing in which two identities differ."""
    for part in ours:
        for key in sorted({*ours[part], *theirs.get(part, {})}):
            mine, other = ours[part].get(key), theirs.get(part, {}).get(key)
            if mine != other:
                if part == "suite":
                    return "it was written by another version of the suite"
                return f"its {part} has {key} {_short(other)}, this run {_short(mine)}"
    return ""


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 80 else f"{text[:77]}..."


class Journal:
    """The journal of one method's run, open for appending."""

    def __init__(self, file: IO[str] | None, path: Path) -> None:
        self._file, self.path = file, path
        self._waiting: list[str] = []
        """Lines of a new journal that are written with its first finding."""
        self.failure: OSError | None = None
        """Why findings were no longer written down, if that is so."""
        self._tasks: set[str] = set()

    @classmethod
    def create(cls, folder: Path, identified: Mapping[str, Any], context: Context) -> Journal:
        """Begin a journal in a folder. The file is made with the first finding; an earlier run's is then renamed.

        So a run that judges nothing, because its input is bad, takes nothing away.
        """
        journal = cls(None, folder / NAME)
        journal._append({"journal": SCHEMA, "identity": identified, "context": context.to_json()})
        return journal

    @classmethod
    def check(cls, folder: Path, identified: Mapping[str, Any]) -> tuple[Record, int]:
        """Return the record of a stopped run and its length; raise ``ScorecardError`` if it cannot be resumed."""
        path = folder / NAME
        if not path.exists():
            raise ScorecardError(f"there is nothing to resume: {path} does not exist; run without --mu-resume")
        header, record, length = _read(path)
        different = _difference(identified, header["identity"])
        if different:
            raise ScorecardError(
                f"journal {path} is of another run: {different}; run without --mu-resume to begin anew"
            )
        record.drop_faults_of_the_suite()
        return record, length

    @classmethod
    def resume(cls, folder: Path, identified: Mapping[str, Any]) -> tuple[Journal, Record]:
        """Open the journal of a stopped run; raise ``ScorecardError`` if it is none of this method, suite and settings.

        Nothing is written before it is known to fit. A last line that was cut off is dropped.
        """
        record, length = cls.check(folder, identified)
        path = folder / NAME
        try:
            os.truncate(path, length)
            journal = cls(path.open("a", encoding="utf-8"), path)
        except OSError as error:
            raise ScorecardError(f"journal {path} cannot be written: {error.strerror}") from None
        journal._tasks.update(record.entries)
        return journal, record

    def add_entries(self, task: str, entries: list[Entry]) -> None:
        """Write down a task's part of the manifest, once."""
        if task not in self._tasks:
            self._tasks.add(task)
            self._append({"manifest": task, "entries": [entry.to_json() for entry in entries]})

    def add(self, judged: Judged) -> None:
        """Write down a finding."""
        if self._file is None and self.failure is None:
            self._begin()
        self._append({"finding": judged.to_json()})

    def end(self, manifest: str) -> None:
        """Say that a scorecard of the whole manifest was written; ``manifest`` is its digest."""
        self._append({"end": manifest})

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.path, self.path.with_name("journal.previous.jsonl"))
            self._file = self.path.open("x", encoding="utf-8")
            self._file.writelines(self._waiting)
        except OSError as error:
            self.failure = error

    def _append(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record, allow_nan=False) + "\n"
        if self._file is None:
            self._waiting.append(line)
            return
        if self._file.closed:
            return
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            # A full disk costs the journal, not the run: the scorecard is still made at the end.
            self.failure = error
            with contextlib.suppress(OSError):
                self._file.close()


def _read(path: Path) -> tuple[dict[str, Any], Record, int]:
    """Return header, record and the length in bytes of what is whole."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ScorecardError(f"journal {path} cannot be read: {error.strerror}") from None
    whole = content[: content.rfind(b"\n") + 1]
    header: dict[str, Any] | None = None
    record = Record()
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            found = json.loads(line)
            if not isinstance(found, dict):
                raise TypeError("no object")
            if number == 1:
                if found.get("journal") != SCHEMA:
                    raise ScorecardError(f"{path} is not a journal of schema {SCHEMA}")
                if not all(isinstance(part, dict) for part in found["identity"].values()):
                    raise TypeError("identity")
                context = Context.from_json(found["context"])
                header = {"identity": found["identity"], "context": context, "ended": False}
            elif "manifest" in found:
                record.add_entries(found["manifest"], [Entry.from_json(entry) for entry in found["entries"]])
            elif "finding" in found:
                record.add(Judged.from_json(found["finding"]))
            elif "end" in found and header is not None:
                listed = [entry for entries in record.entries.values() for entry in entries]
                same_suite = header["identity"].get("suite") == {"sha256": suite_digest()}
                header["ended"] = same_suite and found["end"] == manifest_digest(listed)
            else:
                raise KeyError("kind")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ScorecardError):
                raise
            raise ScorecardError(
                f"journal {path} is damaged in line {number} ({type(error).__name__}); remove the file, or that line "
                "to judge what it holds again"
            ) from None
    if header is None:
        raise ScorecardError(f"journal {path} is empty; run without --mu-resume")
    return header, record, len(whole)


def read_journal(path: Path) -> tuple[Context, Record, bool]:
    """Return context, record and whether this version of the suite made a whole scorecard of them.

    Raises ``ScorecardError`` if the journal cannot be used.
    """
    header, record, _ = _read(path)
    return header["context"], record, header["ended"]
