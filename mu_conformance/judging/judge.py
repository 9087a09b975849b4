"""``judge()``: a method's scorecard from Python, without pytest."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.discovery import MethodError, UnknownName
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings, SettingsError, check_architecture, check_device
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.forget_sets import ForgetSetError
from mu_conformance.scenarios.profiles import ProfileError, find_profile, varied
from mu_conformance.scorecard.building import build
from mu_conformance.scorecard.document import ScorecardError, make_writable
from mu_conformance.scorecard.journal import Journal, identity
from mu_conformance.scorecard.record import Record
from mu_conformance.scorecard.scorecard import Scorecard
from mu_conformance.scorecard.waivers import Waiver, WaiverError, read_waivers
from mu_conformance.store.cache import StoreError, default_cache
from mu_conformance.tasks import Task, TaskError, registry

__all__ = ["JudgeError", "judge"]

Progress = Callable[[str], None]


class JudgeError(ValueError):
    """A judgement cannot be made as asked; the message is one line and says what to do."""


def judge(
    method: str,
    *,
    tasks: Iterable[str | Task] | None = None,
    profile: str = "smoke",
    model: str | None = None,
    claims: Claims | None = None,
    seed: int | None = None,
    conditions: Conditions | None = None,
    waivers: Iterable[Waiver | Path | str] = (),
    runs: int | None = None,
    references: int | None = None,
    ratio: float | None = None,
    time_limit: float | None = None,
    device: str = "cpu",
    data: str = "embedded",
    strict: bool = False,
    cache: Path | str | None = None,
    report: Path | str | None = None,
    resume: bool = False,
    progress: bool | Progress = True,
) -> Scorecard:
    """Judge a method and return its scorecard, as ``pytest --method`` would.

    Args:
        method: reference of the method, such as ``"mypkg:MyUnlearner"``. A process of its own imports it.
        tasks: names of registered tasks, or tasks of your own; None for all registered ones.
        profile: ``smoke``, ``standard`` or ``thorough``.
        model: another of the tasks' architectures; None for each task's first.
        claims: what the method claims; None for its own ``claims``.
        seed: None for the shipped models; a number for fresh models and forget sets from that seed.
        conditions: budget, adapters, curriculum or shards.
        waivers: known failures: ``Waiver`` objects or TOML files.
        runs, references: numbers that override the profile's.
        ratio: share of the training rows to forget, in (0, 0.5].
        time_limit: wall seconds for each call of the method.
        device: torch device that the method runs on.
        data: ``embedded`` or ``hub``.
        strict: require SHOULD checks too.
        cache: writable folder of the store.
        report: folder for ``journal.jsonl`` and ``scorecard.json``; None writes nothing.
        resume: continue from the journal in ``report``.
        progress: True for lines on standard error, False for none, or a function of one line.

    Raises:
        JudgeError: an unknown name, a bad value, a method that cannot be loaded, or a folder that cannot be written.
    """
    try:
        if conditions is not None and not isinstance(conditions, Conditions):
            raise SettingsError("conditions are a mu_conformance.Conditions, such as Conditions(budget=0.2)")
        if claims is not None and not isinstance(claims, Claims):
            raise SettingsError("claims is a mu_conformance.Claims, such as Claims(max_ratio=0.05)")
        if seed is not None and not (isinstance(seed, int) and seed >= 0):
            raise SettingsError(f"seed is a whole number from 0 up, got {seed!r}")
        if time_limit is not None and not 0 < time_limit < float("inf"):
            raise SettingsError(f"time_limit is a number of seconds above 0, got {time_limit!r}")
        check_device(device)
        own = [task for task in tasks or () if not isinstance(task, str)]
        names = _names(tasks, data)
        settings = Settings(
            profile=varied(find_profile(profile), runs=runs, references=references, ratio=ratio),
            tasks=tuple(names),
            architecture=model,
            seed=seed,
            cache=default_cache() if cache is None else Path(cache),
            device=device,
            time_limit=time_limit,
            data=data,
            conditions=conditions or Conditions(),
            strict=strict,
        )
        if model is not None:
            registered = {name: registry.find_task(name, data) for name in names if name not in {t.name for t in own}}
            offered = [*registered.values(), *own]
            check_architecture(model, {task.name: task.architectures for task in offered})
        return _judge(
            _reference(method),
            settings,
            own,
            claims,
            _waivers(waivers),
            None if report is None else Path(report),
            resume,
            _lines if progress is True else progress or _nothing,
        )
    except _BAD_INPUT as error:
        raise JudgeError(" ".join(str(error).split())) from None


_BAD_INPUT = (
    UnknownName,
    MethodError,
    SettingsError,
    StoreError,
    TaskError,
    ForgetSetError,
    ProfileError,
    WaiverError,
    ScorecardError,
)


def _lines(message: str) -> None:
    print(f"mu-conformance: {message}", file=sys.stderr, flush=True)


def _nothing(message: str) -> None:
    """Show nothing."""


def _reference(method: Any) -> str:
    """Return a method's reference; a class or object is no use to the process that imports the method."""
    if isinstance(method, str):
        return method
    name = getattr(method, "__qualname__", None) or type(method).__qualname__
    module = getattr(method, "__module__", None) or type(method).__module__
    if module == "__main__" or "<locals>" in name:
        raise MethodError(
            f"judge() takes a reference, and {name} cannot be imported by the process that runs it: write it to a "
            f"file, such as my_method.py, and pass 'my_method:{name.rpartition('.')[2]}'"
        )
    raise MethodError(f"judge() takes a reference, not the object itself: pass '{module}:{name}'")


def _names(tasks: Iterable[str | Task] | None, data: str) -> list[str]:
    if isinstance(tasks, str):
        raise SettingsError(f"tasks is a list of names, such as [{tasks!r}], not one text")
    discovery.one_of("kind of data", data, list(registry.DATA))
    known = registry.task_names(data)
    if tasks is None:
        return known
    kind = "task" if data == "embedded" else "task on published data"
    names = [discovery.one_of(kind, task, known) if isinstance(task, str) else task.name for task in tasks]
    if not names:
        raise SettingsError(f"tasks is empty; the choices are: {', '.join(known)}")
    return list(dict.fromkeys(names))


def _waivers(given: Iterable[Waiver | Path | str]) -> list[Waiver]:
    return [waiver for one in given for waiver in ([one] if isinstance(one, Waiver) else read_waivers([Path(one)]))]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Have torch use one thread, as the command line does: more threads sum in another order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _judge(
    ref: str,
    settings: Settings,
    own: Sequence[Task],
    claims: Claims | None,
    waivers: Sequence[Waiver],
    report: Path | None,
    resume: bool,
    say: Progress,
) -> Scorecard:
    if resume and report is None:
        raise SettingsError("resume=True needs the folder of the stopped run's journal: give report=")
    if report is not None:
        make_writable(report)
    session = JudgingSession(ref, settings, claims=claims, tasks=own, progress=say)
    with _one_thread(), contextlib.closing(session):
        session.method.start()
        description = session.description
        context = settings.context(ref, description, session.claims, {"args": [], "plugins": [], "conftests": []})
        identified = identity(description, settings.to_json(), ref)
        record, journal = Record(), None
        if report is not None and resume:
            journal, record = Journal.resume(report, identified)
        elif report is not None:
            journal = Journal.create(report, identified, context)
        for name in settings.tasks:
            task = session.task(name)
            session.method.warm(task.ref, settings.architecture or task.architectures[0])
            entries = session.entries(task)
            record.add_entries(name, entries)
            if journal is not None:
                journal.add_entries(name, entries)
        every = [entry for entries in record.entries.values() for entry in entries]
        for number, entry in enumerate(every, 1):
            if entry.key in record.judged:
                continue
            judged = session.unclaimed(entry)
            if judged is None:
                judged = session.judge(entry)
                say(f"{number} of {len(every)}: {entry.check} on {entry.scenario} {judged.finding['outcome']}")
            record.add(judged)
            if journal is not None:
                journal.add(judged)
        card = build(record, context, scope=settings.tasks, waivers=waivers)
        if report is not None:
            card.save(report / "scorecard.json")
        if journal is not None:
            journal.end()
            journal.close()
        return card
