"""Call a method on small requests with an untrained model, for properties that hold of any request."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch

from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Fault, Level, Outcome
from mu_conformance.evidence.base import Tell, tell_nobody
from mu_conformance.evidence.call_record import CallRecord, judge_call
from mu_conformance.evidence.runs import Caller
from mu_conformance.isolation.call import CallSpec
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import Budget
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios import forget_sets
from mu_conformance.tasks import Rows, Task

__all__ = ["ContractHarness", "ContractRequest"]

POOL_ROWS = 48
"""Number of training rows from which small requests are made, more where there are many classes."""
MOST_CLASSES = 120
"""Number of classes up to which two rows of each are in the pool."""
ORDERED_BATCHES = 3
"""Batches of retain rows in the request whose rows are put in another order."""
EPOCHS = 2
"""Epochs of the recipe in a small request."""


@dataclasses.dataclass(frozen=True)
class ContractRequest:
    """Describes a small deletion request."""

    forget: tuple[int, ...]
    """Rows to be deleted, as numbers in the harness's pool and the rows after it, in order."""
    retain: tuple[int, ...]
    """Rows that remain, as such numbers, in order."""
    seed: int = 0
    """Seed of the request."""
    ambient_seed: int = 1
    """Seed of the global random state found by the method."""
    freeze: bool = False
    """True to freeze part of the model (``ContractHarness.frozen_names``)."""


class ContractHarness:
    """Makes calls on small requests and remembers them, so that checks which need the same call share it.

    Args:
        task: the task.
        architecture: name of its architecture.
        method: the isolated method.
        claims: claims of the method.
        examples: number of random requests (``for_any_request``).
        time_limit: limit of a call, seconds.
        device: device of the model.
        tell: function that is told of each call before it is made.
    """

    def __init__(
        self,
        task: Task,
        architecture: str,
        method: Caller,
        claims: Claims,
        *,
        examples: int,
        time_limit: float,
        device: str = "cpu",
        tell: Tell = tell_nobody,
    ) -> None:
        self.tell = tell
        self.task, self.architecture, self.method, self.claims = task, architecture, method, claims
        self.examples, self.device = examples, device
        train, recipe = task.splits.train, task.recipe_for(architecture)
        classes = train.labels.numpy() if "classes" in task.features else task.strata
        # Rows of all classes in turn: a hundred increments of a hundredth are as good as all rows.
        order = forget_sets.deletion_order(classes, np.random.RandomState(0), increments=100)
        count = max(POOL_ROWS, 2 * min(MOST_CLASSES, len(np.unique(classes))))
        self._ordered = train.select(order[: max(count, 8 + ORDERED_BATCHES * recipe.batch_size)])
        self.pool = train.select(order[:count])
        self.classes = classes[order[: len(self._ordered)]]
        """Class of each row that a request can name, or the stratum in a task without classes, int [n]."""
        self.recipe = dataclasses.replace(recipe, epochs=EPOCHS)
        # As generous as for a real request, because a method may take a fixed number of steps.
        self.budget = Budget(seconds=time_limit, examples=10 * recipe.epochs * len(train))
        self._calls: dict[ContractRequest, CallRecord] = {}

    @property
    def where(self) -> str:
        """Return the name of the harness in findings."""
        return f"{self.task.name}/contract{self.task.conditions.suffix}"

    @property
    def usual(self) -> ContractRequest:
        """Return the request to forget eight rows and retain the rest of the pool."""
        return ContractRequest(forget=tuple(range(8)), retain=tuple(range(8, len(self.pool))))

    @property
    def ordered(self) -> ContractRequest:
        """Return the request whose order is varied: more retain rows than a batch has, where there are so many."""
        return ContractRequest(forget=tuple(range(8)), retain=tuple(range(8, len(self._ordered))))

    def keeping_classes(self, forget: Sequence[int], retained: int, seed: int) -> ContractRequest:
        """Return a request that leaves each class of the pool a retain row.

        Args:
            forget: rows to be deleted; the last row of a class is taken out, unless no other row is to be deleted.
            retained: number of retain rows, more where there are more classes.
            seed: seed of the request.
        """
        classes = self.classes[: len(self.pool)]
        for one in np.unique(classes[list(forget)]):
            rows = np.flatnonzero(classes == one)
            if np.isin(rows, forget).all() and len(forget) > 1:
                forget = [row for row in forget if row != rows[-1]]
        others = np.setdiff1d(np.arange(len(self.pool)), forget)
        _, first = np.unique(classes[others], return_index=True)
        rest = np.delete(others, first)[: max(0, retained - len(first))]
        retain = np.sort(np.concatenate([others[first], rest]))
        return ContractRequest(tuple(map(int, forget)), tuple(map(int, retain)), seed)

    def described(self, request: ContractRequest) -> str:
        """Return a request in words: sizes, classes that no retain row has, and frozen weights."""
        words = f"a request of {len(request.forget)} forget and {len(request.retain)} retain rows"
        missing = (
            np.setdiff1d(self.classes, self.classes[list(request.retain)]) if "classes" in self.task.features else ()
        )
        if len(missing):
            named = ", ".join(map(str, missing[:3])) + (", ..." if len(missing) > 3 else "")
            words += f", none of these of class {named}"
        return f"{words}, with half of the parameters frozen" if request.freeze else words

    @functools.cached_property
    def original(self) -> torch.nn.Module:
        """Return the untrained model of small requests; only its weights are sent, so no call can change it."""
        # The name is the harness's former one; another would change the model.
        return self.task.new_model(derive_seed("laboratory"), self.architecture)

    def frozen_names(self) -> tuple[str, ...]:
        """Return the names of the first half of the parameters: a backbone under a trainable head."""
        names = [name for name, _ in self.original.named_parameters()]
        return tuple(names[: len(names) // 2])

    def rows(self, indices: tuple[int, ...]) -> Rows:
        """Return rows by their numbers in the pool; rows beyond it are those of ``ordered``."""
        return self._ordered.select(np.asarray(indices, dtype=np.int64))

    def call(self, request: ContractRequest) -> CallRecord:
        """Return the record of the method's call on a request, made at most once."""
        if request not in self._calls:
            forget, retain = self.rows(request.forget), self.rows(request.retain)
            spec = CallSpec(
                task_ref=self.task.ref,
                conditions=self.task.conditions,
                architecture=self.architecture,
                recipe=self.recipe,
                state=dict(self.original.state_dict()),
                forget=forget,
                retain=retain if self.claims.needs_retain else None,
                seed=request.seed,
                ambient_seed=request.ambient_seed,
                device=self.device,
                budget=self.budget,
                frozen=self.frozen_names() if request.freeze else (),
                reads_labels=self.claims.reads_labels,
            )
            assert self.budget.seconds is not None
            self.tell("call", self.where, len(self._calls) + 1, 0)
            call = self.method.call(spec, self.budget.seconds)
            self._calls[request] = judge_call(call, self.task, spec)[0]
        return self._calls[request]

    def probabilities(self, record: CallRecord) -> np.ndarray:
        """Return the probabilities on the pool, [n, k], of the model that a call returned."""
        model = self.task.new_model(0, self.architecture).to(self.device)
        model.load_state_dict(record.judged)
        outputs = self.task.outputs(model, self.pool, brief=True)
        return self.task.probabilities({name: value.numpy() for name, value in outputs.items()})

    def usable(self, request: ContractRequest) -> tuple[CallRecord, Finding | None]:
        """Return the record of a call, and a finding if it cannot be used.

        The finding is failed if the protocol was broken, and an error otherwise.
        """
        record = self.call(request)
        problems = record.problems()
        if not problems:
            return record, None
        message = f"on {self.described(request)}: {'; '.join(problems[:3])}"
        if record.call.crashed:
            return record, Finding.error(message, Fault.METHOD, record.call.traceback)
        return record, Finding.failed(message)

    def for_any_request(self, judge: Callable[[ContractRequest], Finding]) -> Finding:
        """Judge random requests; return the first finding that did not pass, or passed.

        Hypothesis draws the requests, derandomised and without a deadline or database. All checks therefore see the
        same requests and share the calls. Failures are not shrunk: every step would be a call, and the smallest request
        is tried first anyway.
        """
        from hypothesis import HealthCheck, Phase, given, settings
        from hypothesis import strategies as st

        pool = len(self.pool)
        worst: list[Finding] = []

        @settings(
            max_examples=self.examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            forget=st.lists(st.integers(0, pool - 1), min_size=1, max_size=12, unique=True),
            retained=st.integers(8, pool - 12),
            seed=st.integers(0, 2**31 - 1),
        )
        def drawn(forget: list[int], retained: int, seed: int) -> None:
            if worst and worst[0].level is not Level.SHOULD:
                return
            finding = judge(self.keeping_classes(forget, retained, seed))
            if finding.outcome is not Outcome.PASSED and (not worst or finding.level is not Level.SHOULD):
                # A recommendation on one request must not hide a failure on a later one.
                worst[:] = [finding]

        drawn()
        return worst[0] if worst else Finding.passed()
