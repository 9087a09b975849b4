"""The journal: findings on disk as they are made; a damaged or foreign one is refused and left as it is."""

from __future__ import annotations

import json

import pytest
from cards import DEFAULT, ENTRIES, numbers

from mu_conformance.checks.manifest import Entry, manifest_digest
from mu_conformance.decision.finding import plain
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard.building import build
from mu_conformance.scorecard.document import ScorecardError
from mu_conformance.scorecard.journal import NAME, Journal, identity, read_journal
from mu_conformance.scorecard.record import Context, Judged, Record
from mu_conformance.scorecard.verification import verify

BANANA = json.dumps({"finding": {"entry": ENTRIES[1].to_json(), "finding": {"outcome": "banana"}}})
CONTEXT = Context(method={"ref": "mypkg:Mine"}, claims=DEFAULT, profile=PROFILES["smoke"], suite={"seed": None})
SETTINGS = {"seed": 1, "profile": {"name": "smoke"}}
IDENTITY = identity({"source_sha256": "a" * 64, "modules_sha256": "b" * 64}, DEFAULT, SETTINGS, "mypkg:Mine")


def judged(entry: Entry) -> Judged:
    finding = plain({"outcome": "passed", "message": "", "measurements": numbers(entry.check, "passed")})
    power = {"measure": "loss", "separation": 9.5} if entry.kind != "contract" else None
    return Judged(entry, finding, 1.5, power, {entry.check: "digest"}, {"data": "x"}, {"calls": 1.0, "method": 1.0})


@pytest.fixture
def journal(tmp_path):
    """A journal with the manifest of two tasks and all but the last finding."""
    made = Journal.create(tmp_path, IDENTITY, CONTEXT)
    for task in ("sentiment", "keyword_spotting"):
        made.add_entries(task, [entry for entry in ENTRIES if entry.task == task])
        made.add_entries(task, [])  # said once
    for entry in ENTRIES[:-1]:
        made.add(judged(entry))
    made.close()
    return tmp_path / NAME


def test_what_was_written_is_resumed(journal):
    again, record = Journal.resume(journal.parent, IDENTITY)
    assert [entry for entries in record.entries.values() for entry in entries] == ENTRIES
    assert list(record.judged.values()) == [judged(entry) for entry in ENTRIES[:-1]]
    again.add(judged(ENTRIES[-1]))
    again.close()
    context, whole, finished = read_journal(journal)
    assert not finished
    assert context == CONTEXT
    assert len(whole.judged) == len(ENTRIES)
    card = build(whole, context)
    assert card.complete
    assert card.verdict.status == "conformant"
    assert whole.seconds == {"calls": float(len(ENTRIES)), "method": float(len(ENTRIES))}


def test_a_journal_of_a_stopped_run_makes_a_partial_scorecard(journal):
    context, record, finished = read_journal(journal)
    card = build(record, context, finished=finished)
    assert not card.complete
    assert (card.verdict.status, card.verdict.passed, card.verdict.required) == ("incomplete", 5, 6)


def test_a_line_that_was_cut_off_is_dropped_and_overwritten(journal):
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])
    _, record, _ = read_journal(journal)
    assert len(record.judged) == len(ENTRIES) - 2
    again, _ = Journal.resume(journal.parent, IDENTITY)
    again.add(judged(ENTRIES[-2]))
    again.close()
    assert journal.read_bytes() == whole


@pytest.mark.parametrize("damage", ["{", "[]", '{"finding": {}}', '{"finding": {"entry": 3}}', "\x00", BANANA])
def test_a_damaged_line_is_named_and_nothing_is_overwritten(journal, damage):
    lines = journal.read_text().splitlines()
    lines[4] = damage
    journal.write_text("\n".join(lines) + "\n")
    before = journal.read_bytes()
    with pytest.raises(ScorecardError, match=r"is damaged in line 5 .*remove the file, or that line") as raised:
        Journal.resume(journal.parent, IDENTITY)
    assert "\n" not in str(raised.value)
    assert journal.read_bytes() == before


@pytest.mark.parametrize("content", ["", "\n", '{"journal": "other"}\n', "[]\n", "{}"])
def test_what_is_no_journal(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    with pytest.raises(ScorecardError, match=r"is not a journal|is damaged in line 1|is empty"):
        Journal.resume(tmp_path, IDENTITY)
    assert (tmp_path / NAME).read_text() == content


def test_no_journal(tmp_path):
    with pytest.raises(ScorecardError, match=r"there is nothing to resume: .*journal\.jsonl does not exist"):
        Journal.resume(tmp_path, IDENTITY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("method", "source_sha256", "b" * 64, "its method has source_sha256"),
        ("method", "ref", "mypkg:Other", 'its method has ref "mypkg:Mine", this run "mypkg:Other"'),
        ("method", "claims", {"max_ratio": 0.2}, "its method has claims"),
        ("suite", "sha256", "c" * 64, "it was written by another version of the suite"),
        ("settings", "seed", 2, "its settings has seed 1, this run 2"),
        ("settings", "device", "cuda", 'its settings has device null, this run "cuda"'),
        ("method", "modules_sha256", "c" * 64, "its method has modules_sha256"),
        ("environment", "torch", "0.1", "its environment has torch"),
    ],
)
def test_a_journal_of_another_run_is_refused_and_kept(journal, part, key, value, message):
    before = journal.read_bytes()
    other = {**IDENTITY, part: {**IDENTITY[part], key: value}}
    with pytest.raises(ScorecardError, match=f"is of another run: {message}"):
        Journal.resume(journal.parent, other)
    assert journal.read_bytes() == before


def test_a_journal_that_lacks_a_task_never_makes_a_conformant_scorecard(tmp_path):
    """A run over two tasks that was killed after the first: nothing of the second is in the journal."""
    made = Journal.create(tmp_path, IDENTITY, CONTEXT)
    first = [entry for entry in ENTRIES if entry.task == "sentiment"]
    made.add_entries("sentiment", first)
    for entry in first:
        made.add(judged(entry))
    context, record, finished = read_journal(tmp_path / NAME)
    card = build(record, context, finished=finished)
    assert (card.complete, card.verdict.status, card.verdict.supports) == (False, "incomplete", None)
    assert verify(card.to_json()) == []
    made.end("another manifest")
    assert read_journal(tmp_path / NAME)[2] is False
    made.end(manifest_digest(first))
    context, record, finished = read_journal(tmp_path / NAME)
    assert build(record, context, finished=finished).verdict.status == "conformant"


def test_a_journal_of_another_suite_is_never_whole(tmp_path):
    other = {**IDENTITY, "suite": {"sha256": "0" * 64}}
    made = Journal.create(tmp_path, other, CONTEXT)
    made.add_entries("sentiment", ENTRIES[:5])
    for entry in ENTRIES[:5]:
        made.add(judged(entry))
    made.end(manifest_digest(ENTRIES[:5]))
    assert read_journal(tmp_path / NAME)[2] is False


def test_a_task_that_changed_is_not_resumed(journal):
    again, record = Journal.resume(journal.parent, IDENTITY)
    with pytest.raises(ScorecardError, match="task sentiment is not what it was when the journal was written"):
        record.add_entries("sentiment", ENTRIES[:2])
    again.close()


def test_what_the_suite_could_not_decide_is_judged_again(journal):
    again, _ = Journal.resume(journal.parent, IDENTITY)
    again.add(Judged(ENTRIES[-1], {"outcome": "error", "message": "x", "measurements": [], "fault": "suite"}))
    again.close()
    _, record = Journal.resume(journal.parent, IDENTITY)
    assert ENTRIES[-1].key not in record.judged


def test_a_run_that_judges_nothing_takes_nothing_away(journal):
    before = journal.read_bytes()
    made = Journal.create(journal.parent, IDENTITY, CONTEXT)
    made.add_entries("sentiment", ENTRIES[:5])
    made.close()
    assert journal.read_bytes() == before
    assert not (journal.parent / "journal.previous.jsonl").exists()


def test_a_new_run_keeps_the_earlier_journal_aside(journal):
    before = journal.read_bytes()
    made = Journal.create(journal.parent, IDENTITY, CONTEXT)
    made.add(judged(ENTRIES[0]))
    made.close()
    assert (journal.parent / "journal.previous.jsonl").read_bytes() == before
    assert len(journal.read_text().splitlines()) == 2


def test_a_full_disk_costs_the_journal_and_not_the_run(journal):
    again, _ = Journal.resume(journal.parent, IDENTITY)
    again._file.close()
    again._file = open("/dev/full", "w")  # noqa: SIM115
    again.add(judged(ENTRIES[-1]))
    assert "No space left" in str(again.failure)
    again.add(judged(ENTRIES[-1]))
    again.close()


def test_a_records_digest_does_not_depend_on_who_used_an_artefact_first():
    one, other = Record(), Record()
    first, second = ENTRIES[1], ENTRIES[2]
    one.add(Judged(first, {}, artefacts={"a": "1", "b": "2"}))
    one.add(Judged(second, {}, artefacts={"b": "2"}))
    other.add(Judged(second, {}, artefacts={"b": "2"}))
    other.add(Judged(first, {}, artefacts={"a": "1"}))
    assert one.artefacts_sha256 == other.artefacts_sha256


def test_a_line_is_one_json_object(journal):
    kinds = [next(iter(json.loads(line))) for line in journal.read_text().splitlines()]
    assert kinds == ["journal", "manifest", "manifest", *["finding"] * (len(ENTRIES) - 1)]
