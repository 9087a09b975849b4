"""Define the interface of evidence: what a check may ask of one scenario, whatever its source."""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from mu_conformance.decision.outcome import Fault
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import Scenario

if TYPE_CHECKING:
    from mu_conformance.evidence.runs import Run
    from mu_conformance.tasks import Task

__all__ = ["Evidence", "EvidenceError", "Others", "Retraining", "RunError", "Tell", "UnseenRequests", "tell_nobody"]

Computed = TypeVar("Computed")

Tell = Callable[[str, str, int, int], None]
"""Function told of what is being done: the activity, the task or scenario, and the number of how many (0: unknown)."""


def tell_nobody(what: str, where: str, number: int = 0, total: int = 0) -> None:
    """Ignore what is being done."""


class EvidenceError(RuntimeError):
    """Raised when evidence cannot be gathered; the suite is at fault.

    The checks that rest on it are errors, never passes.
    """

    fault: ClassVar[Fault] = Fault.SUITE
    """Who caused the error."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
        """Traceback in the method's process, where there is one."""


class RunError(EvidenceError):
    """Raised when a run of the method gave nothing that can be judged; the method is at fault."""

    fault = Fault.METHOD


class Others(tuple[Outputs, ...]):
    """Holds the models that one model is compared with, and a cache of what was computed against them."""

    memo: dict[Any, Any]
    """Cache of what was computed against these models, by key."""

    def __new__(cls, models: Sequence[Outputs]) -> Others:
        made = super().__new__(cls, models)
        made.memo = {}
        return made


@dataclasses.dataclass(frozen=True)
class Retraining:
    """Measures what retraining takes on this machine, for all requests of a scenario together."""

    cpu_s: float
    """Processor seconds."""
    examples: int
    """Rows read."""
    model_mib: float
    """Size of the model's weights and buffers, MiB."""
    data_mib: float
    """Size of the training rows, MiB."""


class Evidence(abc.ABC):
    """Gives the evidence of one scenario: originals, references, and as many runs as a check asks for.

    Implementations gather it from a method (``gathered``) or draw it from a pool of models (``error_rates``).
    """

    outcomes_only: ClassVar[bool] = False
    """True to skip measurements that do not affect the outcome."""

    scenario: Scenario
    """The scenario."""
    profile: Profile
    """Profile under which the scenario is judged."""

    def __init__(self, scenario: Scenario, profile: Profile) -> None:
        self.scenario, self.profile = scenario, profile
        self._remembered: dict[Any, Any] = {}

    @property
    def task(self) -> Task:
        """Return the scenario's task."""
        return self.scenario.task

    @property
    @abc.abstractmethod
    def references(self) -> Sequence[Outputs]:
        """Return the outputs of models retrained on the retain set, one for each seed, as many as the profile says."""

    @property
    @abc.abstractmethod
    def originals(self) -> Sequence[Outputs]:
        """Return the outputs of the first look's originals, at least two, for the gap and the fixture's power."""

    @property
    @abc.abstractmethod
    def untrained(self) -> Outputs:
        """Return the outputs of a model with the weights that training begins with."""

    @abc.abstractmethod
    def runs(self, count: int) -> list[Outputs]:
        """Return the outputs of ``count`` runs; raise ``RunError`` if any of them cannot be judged."""

    @property
    @abc.abstractmethod
    def unseen(self) -> UnseenRequests:
        """Return the requests that nobody can foresee, on an original trained just now."""

    @abc.abstractmethod
    def few_rows_runs(self, requests: Sequence[np.ndarray]) -> list[Outputs]:
        """Return the outputs of one run for each request, given as numbers of forget rows; the others stay.

        Raises ``RunError`` if any of them cannot be judged.
        """

    @abc.abstractmethod
    def records(self, count: int) -> list[Run]:
        """Return at least ``count`` runs with the record of their calls, fewer only if one crashed."""

    @property
    @abc.abstractmethod
    def retraining(self) -> Retraining:
        """Return what retraining takes here, to compare a call with."""

    @abc.abstractmethod
    def flops_share(self, run: Run) -> float | None:
        """Return the FLOPs of a run as a share of retraining's; None where nothing counted them."""

    @functools.cached_property
    def others(self) -> Others:
        """Return all references, with which an original or a run is compared."""
        return Others(self.references)

    @functools.cached_property
    def left_out(self) -> list[Others]:
        """Return all the other references for each reference, which is compared with them."""
        models = list(self.references)
        return [Others(models[:k] + models[k + 1 :]) for k in range(len(models))]

    def once(self, key: Any, compute: Callable[[Evidence], Computed]) -> Computed:
        """Return the result of ``compute`` on this evidence, computed at most once for each ``key``."""
        if key not in self._remembered:
            self._remembered[key] = compute(self)
        return self._remembered[key]

    def known(self, key: Any) -> Any | None:
        """Return the result of ``once`` for ``key``; None if no check needed it."""
        return self._remembered.get(key)


class UnseenRequests(abc.ABC):
    """Gives the evidence of requests with secret rows, secret sizes and a secret original."""

    @property
    @abc.abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """Return the number of rows that each request was drawn to name, falling."""

    @property
    @abc.abstractmethod
    def rows(self) -> int:
        """Return the number of rows that the secret original was trained on."""

    @property
    @abc.abstractmethod
    def pool(self) -> int:
        """Return the number of these rows that no reference was trained on."""

    @abc.abstractmethod
    def evidence(self, outside: np.ndarray, inside: int = 0) -> Evidence:
        """Return the evidence of one request, with the secret original as the only original.

        Its scenario has the part ``forget``, the rows of the pool that are named, and the part ``holdout``. The part
        ``inside`` has the rows named that references were trained on, and ``kept`` the rows of the pool that are not
        named, with ``known`` for comparison: rows that stay and that references were trained on. Parts without rows are
        missing.

        Args:
            outside: the rows of the pool that are named, as numbers in the pool.
            inside: number of other training rows that are named.
        """

    @abc.abstractmethod
    def retrained(self, asked: Evidence, count: int) -> list[Outputs]:
        """Return the outputs of ``count`` models that were trained just now on the rows that stay after a request.

        Unlike the references they know the rows of the pool that stay. A model is trained once.

        Args:
            asked: what ``evidence`` returned.
            count: number of models, at least 1.
        """
