"""Gather evidence from a method: its runs on a scenario, and on requests besides the scenario's own."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from mu_conformance.evidence.base import RunError
from mu_conformance.evidence.budgets import with_flops
from mu_conformance.evidence.called import CalledEvidence
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.runs import Run
from mu_conformance.evidence.unseen import CalledUnseen
from mu_conformance.scenarios.unseen import Draw

__all__ = ["GatheredEvidence"]


class GatheredEvidence(CalledEvidence):
    """Adds requests that are not the scenario's own: small ones, and ones that nobody can foresee."""

    @functools.cached_property
    def small_runs(self) -> list[Run]:
        """Return the runs made for ``few_rows_runs`` so far."""
        return []

    @property
    def _measured_runs(self) -> Sequence[Run]:
        return [*self._runs, *self.small_runs, *self.unseen.runs]

    @functools.cached_property
    def unseen(self) -> CalledUnseen:
        ratio = min(self.claims.max_ratio, self.profile.ratio)
        share = 3 if self.task.quick_kinds == 1 else 1
        count = max(1, self.profile.unseen_requests // share)
        return CalledUnseen(Draw(self.scenario, self.secret, count, ratio), self)

    def few_rows_runs(self, requests: Sequence[np.ndarray]) -> list[Outputs]:
        """Return the outputs of one run for each request, given as numbers of forget rows.

        The other forget rows stay in the retain set. Run k starts from the original with number k. Raises ``RunError``
        if any of the runs cannot be judged.
        """
        scenario, outputs = self.scenario, []
        for number, rows in enumerate(requests):
            gone = scenario.forget_set.indices[rows]
            if number == len(self.small_runs):
                retain = scenario.train.select(np.setdiff1d(np.arange(len(scenario.train)), gone))
                self.populations.turn_to("originals", scenario.name, number + 1, len(requests))
                state = self.populations.original_state(scenario, number)
                seed_of = functools.partial(self.seed, "few rows", number)
                request, budget = (
                    (scenario.train.select(gone), retain),
                    with_flops(self.budget, scenario, retain, self.device),
                )
                call = (number, len(requests))
                self.small_runs.append(self._follow(number, call, state, seed_of, [request], [budget]))
            run = self.small_runs[number]
            if run.outputs is None:
                asked = ", ".join(map(str, gone))
                raise RunError(
                    f"run {number} on {scenario.name}, asked to forget training row {asked} alone: "
                    f"{'; '.join(run.problems[:3])}",
                    run.traceback,
                )
            outputs.append(run.outputs)
        return outputs
