"""Gather evidence of requests that nobody can foresee, on an original that is trained just now."""

from __future__ import annotations

import functools

import numpy as np

from mu_conformance.evidence.base import Evidence, UnseenRequests
from mu_conformance.evidence.called import CalledEvidence
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.runs import Run
from mu_conformance.scenarios.unseen import Draw, UnseenScenario

__all__ = ["CalledUnseen", "UnseenEvidence"]


class CalledUnseen(UnseenRequests):
    """Trains one secret original, and calls the method on it.

    Args:
        draw: what is asked.
        known: evidence of the scenario whose retain rows and references are used.
    """

    def __init__(self, draw: Draw, known: CalledEvidence) -> None:
        self.draw, self.known = draw, known
        self._evidence: list[UnseenEvidence] = []

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.draw.sizes

    @property
    def rows(self) -> int:
        return self.draw.rows

    @property
    def pool(self) -> int:
        return len(self.draw.pool)

    @functools.cached_property
    def state(self):
        """Return the state dict of the secret original, which is nowhere saved."""
        scenario = self.draw.scenario(np.arange(self.pool), 0)
        self.known.populations.turn_to("an unseen original", self.draw.base.name, 1, 1)
        return self.known.populations.unstored_state(scenario, scenario.train, self.draw.seed("original"))

    def evidence(self, outside: np.ndarray, inside: int = 0) -> Evidence:
        found = UnseenEvidence(self.draw.scenario(outside, inside), self)
        self._evidence.append(found)
        return found

    def retrained(self, asked: Evidence, count: int) -> list[Outputs]:
        assert isinstance(asked, UnseenEvidence)
        return asked.retrained(count)

    @property
    def runs(self) -> list[Run]:
        """Return the runs made so far, on every request."""
        return [run for evidence in self._evidence for run in evidence.runs_made]


def _outputs(state, scenario: UnseenScenario, device: str) -> Outputs:
    model = scenario.task.new_model(0, scenario.architecture)
    model.load_state_dict(state)
    return Outputs.of(model.to(device), scenario)


class UnseenEvidence(CalledEvidence):
    """Gathers the evidence of one unseen request. Its references are the known scenario's, which never saw the pool.

    Args:
        scenario: the request.
        requests: source of the secret original.
    """

    def __init__(self, scenario: UnseenScenario, requests: CalledUnseen) -> None:
        known = requests.known
        super().__init__(
            scenario,
            known.populations,
            known.method,
            known.profile,
            known.claims,
            secret=requests.draw.secret,
            device=known.device,
            time_limit=known.time_limit,
        )
        self._requests, self._scenario = requests, scenario
        self._retrained: list[Outputs] = []

    @property
    def runs_made(self) -> list[Run]:
        """Return the runs made so far."""
        return self._runs

    @functools.cached_property
    def references(self) -> list[Outputs]:
        scenario = self._scenario
        forget, holdout = scenario.draw.pool[scenario.outside], scenario.compared
        found = []
        for known in self._requests.known.references:
            parts = {
                "forget": {name: values[forget] for name, values in known["holdout"].items()},
                "holdout": {name: values[holdout] for name, values in known["holdout"].items()},
            }
            if len(scenario.inside):
                parts["inside"] = {name: values[scenario.inside] for name, values in known["retain"].items()}
            if len(scenario.kept):
                kept = scenario.draw.pool[scenario.kept]
                parts["kept"] = {name: values[kept] for name, values in known["holdout"].items()}
                parts["known"] = {name: values[scenario.known] for name, values in known["retain"].items()}
            found.append(Outputs(parts))
        return found

    @functools.cached_property
    def originals(self) -> list[Outputs]:
        return [_outputs(self._requests.state, self._scenario, self.device)]

    def retrained(self, count: int) -> list[Outputs]:
        """Return models trained just now on what stays, by the recipe of the references; none is saved."""
        scenario, base = self._scenario, self._scenario.draw.base
        for number in range(len(self._retrained), count):
            self.populations.turn_to("references of an unseen request", base.name, number + 1, count)
            seed = scenario.draw.seed("retrained", scenario.size, number)
            state = self.populations.unstored_state(base.retrained, scenario.retain, seed)
            self._retrained.append(_outputs(state, scenario, self.device))
        return self._retrained[:count]

    def _run(self, number: int, count: int) -> Run:
        seed_of = functools.partial(self._scenario.draw.seed, "run", self._scenario.size, number)
        return self._follow(
            number, (number, count), self._requests.state, seed_of, self._scenario.requests, self.budgets
        )
