"""``judge()``: a method's scorecard from Python, without pytest."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.discovery import MethodError, UnknownName
from mu_conformance.isolation.sandbox import SandboxError
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import (
    Settings,
    SettingsError,
    check_architecture,
    check_challenge,
    check_device,
    sandbox_for,
)
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.recipe import Overrides, TrainingRecipe, overrides
from mu_conformance.scenarios.forget_sets import ForgetSetError
from mu_conformance.scenarios.profiles import ProfileError, find_profile, varied
from mu_conformance.scorecard.building import build
from mu_conformance.scorecard.document import ScorecardError, make_writable, put_back, set_aside
from mu_conformance.scorecard.journal import Journal, identity
from mu_conformance.scorecard.record import Record
from mu_conformance.scorecard.renders.files import write_card_renders
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
    waivers: Iterable[Waiver | Path | str] | Path | str = (),
    runs: int | None = None,
    references: int | None = None,
    ratio: float | None = None,
    time_limit: float | None = None,
    device: str = "cpu",
    data: str = "embedded",
    strict: bool = False,
    recipe: TrainingRecipe | Mapping[str, Any] | None = None,
    challenge: str | None = None,
    sandbox: str = "auto",
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
        recipe: how the references are trained, where another recipe than the tasks' own is as good; all fields of a
            ``TrainingRecipe`` or some by name. None for the method's own ``recipe``, if it has one.
        challenge: text of an auditor that unforeseen requests are drawn from; None for random numbers.
        sandbox: ``auto``, ``require`` or ``off``: whether the method runs in a sandbox.
        cache: writable folder of the store.
        report: folder for the journal, the scorecard and its page; None writes nothing.
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
        if conditions is not None and conditions.lora_rank is not None and importlib.util.find_spec("peft") is None:
            raise SettingsError("adapters need the package peft: pip install 'mu-conformance[peft]'")
        for name, value in (("profile", profile), ("device", device), ("data", data), ("sandbox", sandbox)):
            if not isinstance(value, str):
                raise SettingsError(f"{name} is a text, got {value!r}")
        _check_number("seed", seed, int, "a whole number from 0 up", lambda number: number >= 0)
        _check_number("runs", runs, int, "a whole number", lambda number: True)
        _check_number("references", references, int, "a whole number", lambda number: True)
        _check_number("ratio", ratio, float, "a share of the rows", lambda number: True)
        _check_number(
            "time_limit", time_limit, float, "a number of seconds above 0", lambda number: 0 < number < math.inf
        )
        check_challenge(challenge)
        check_device(device)
        names, own = _tasks(tasks, data)
        chosen = find_profile(profile)
        settings = Settings(
            profile=varied(chosen, runs=runs, references=references, ratio=ratio),
            sandbox=sandbox_for(sandbox, chosen),
            tasks=tuple(names),
            architecture=model,
            seed=seed,
            cache=default_cache() if cache is None else Path(cache),
            device=device,
            time_limit=time_limit,
            data=data,
            conditions=conditions or Conditions(),
            strict=strict,
            recipe=_recipe(recipe),
            challenge=challenge,
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
    SandboxError,
    SettingsError,
    StoreError,
    TaskError,
    ForgetSetError,
    ProfileError,
    WaiverError,
    ScorecardError,
)


def _recipe(given: TrainingRecipe | Mapping[str, Any] | None) -> Overrides:
    try:
        return () if given is None else overrides(given)
    except ValueError as error:
        raise SettingsError(str(error)) from None


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


def _check_number(name: str, value: Any, kind: type, what: str, fits: Callable[[Any], bool]) -> None:
    """Raise ``SettingsError`` unless a value is None or a number of that kind that fits."""
    kinds = (int,) if kind is int else (int, float)
    if value is not None and not (isinstance(value, kinds) and not isinstance(value, bool) and fits(value)):
        raise SettingsError(f"{name} is {what}, got {value!r}")


def _tasks(tasks: Iterable[str | Task] | None, data: str) -> tuple[list[str], list[Task]]:
    """Return the names of the tasks, and those that are not registered."""
    discovery.one_of("kind of data", data, list(registry.DATA))
    known = registry.task_names(data)
    if tasks is None:
        return known, []
    if isinstance(tasks, str) or not isinstance(tasks, Iterable):
        raise SettingsError(f"tasks is a list of names, such as [{known[0]!r}], not {tasks!r}")
    given, names, own = list(tasks), [], []
    kind = "task" if data == "embedded" else "task on published data"
    for task in given:
        if isinstance(task, str):
            names.append(discovery.one_of(kind, task, known))
        elif isinstance(task, Task):
            if type(task).__module__ == "__main__" or "<locals>" in type(task).__qualname__:
                raise SettingsError(
                    f"task {task.name} cannot be imported by the process that runs the method: "
                    "write its class to a file"
                )
            if task.name in names:
                raise SettingsError(f"two tasks are called {task.name!r}")
            names.append(task.name)
            own.append(task)
        else:
            raise SettingsError(f"a task is a name or a Task instance, got {task!r}")
    if not names:
        raise SettingsError(f"tasks is empty; the choices are: {', '.join(known)}")
    return list(dict.fromkeys(names)), own


def _waivers(given: Iterable[Waiver | Path | str] | Path | str) -> list[Waiver]:
    several = [given] if isinstance(given, str | Path) else list(given)
    return [waiver for one in several for waiver in ([one] if isinstance(one, Waiver) else read_waivers([Path(one)]))]


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
    with _one_thread(), contextlib.ExitStack() as stack:
        stack.callback(session.close)
        session.method.start()
        invocation: dict[str, Any] = {"args": [], "plugins": [], "conftests": []}
        context = settings.context(ref, session.description, session.claims, invocation, waivers=waivers)
        entries = {name: session.entries(session.task(name)) for name in settings.tasks}
        journal, record = None, Record()
        if report is not None:
            identified = identity(session.description, session.claims, settings.to_json(), ref)
            if resume:
                journal, record = Journal.resume(report, identified)
            else:
                journal = Journal.create(report, identified, context)
            stack.callback(journal.close)
        for name, listed in entries.items():
            record.add_entries(name, listed)
            if journal is not None:
                journal.add_entries(name, listed)
        if report is not None and set_aside(report):
            stack.callback(_put_back_unless_written, report, ref)
        _judge_entries(session, record, journal, say)
        card = build(record, context, scope=settings.tasks, challenge=settings.secret)
        if report is not None:
            card.save(report / "scorecard.json")
            problems: list[str] = []
            write_card_renders(report, card, problems)
            for problem in problems:
                say(problem)
        if journal is not None:
            journal.end(card.suite["manifest_sha256"])
            if journal.failure is not None:
                say(f"{journal.path} could not be written to its end: {journal.failure.strerror}")
        return card


def _put_back_unless_written(report: Path, ref: str) -> None:
    """Put the earlier scorecard back where a judgement was interrupted."""
    if not (report / "scorecard.json").exists():
        put_back(report, ref)


def _judge_entries(session: JudgingSession, record: Record, journal: Journal | None, say: Progress) -> None:
    """Judge what the record lacks."""
    every = [entry for listed in record.entries.values() for entry in listed]
    for name in session.settings.tasks:
        task = session.task(name)
        session.method.warm(task.ref, session.settings.architecture or task.architectures[0])
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
