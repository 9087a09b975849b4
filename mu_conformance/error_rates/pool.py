"""Supply a pool: independently trained models of one scenario whose right verdict is known."""

from __future__ import annotations

import dataclasses

import numpy as np

from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows

__all__ = ["Pool", "easiest_rows", "kept_rows"]


def kept_rows(scenario: Scenario, share: float, number: int) -> Rows:
    """Return the retain rows and a random ``share`` of the forget rows, another one for each number.

    Raises ``ValueError`` for a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share of the forget rows lies in [0, 1], got {share}")
    forget = scenario.forget_set.indices
    chosen = np.random.RandomState(derive_seed(scenario.seed, "kept", scenario.name, share, number))
    kept = chosen.choice(forget, round(share * len(forget)), replace=False)
    return _with_kept(scenario, kept)


def easiest_rows(scenario: Scenario, share: float, losses: np.ndarray) -> Rows:
    """Return the retain rows and the ``share`` of the forget rows on which a retrained model's losses are smallest.

    A method that keeps these rows says what it would have said anyway, as far as it can tell.

    Args:
        scenario: the scenario.
        share: share of the forget rows, in [0, 1].
        losses: losses of a model trained on the retain rows, float [n_forget].
    """
    order = np.argsort(losses, kind="stable")
    return _with_kept(scenario, scenario.forget_set.indices[order[: round(share * len(order))]])


def _with_kept(scenario: Scenario, kept: np.ndarray) -> Rows:
    gone = np.setdiff1d(scenario.forget_set.indices, kept)
    return scenario.train.select(np.setdiff1d(np.arange(len(scenario.train)), gone))


@dataclasses.dataclass(frozen=True)
class Pool:
    """Supplies outputs of models of one scenario, from the store or trained into it when they are first asked for."""

    scenario: Scenario
    """The scenario."""
    populations: Populations
    """Source and store of the models."""

    def original(self, number: int) -> Outputs:
        """Return the outputs of a model trained on every row."""
        return self.populations.original(self.scenario, number)

    def retrained(self, number: int) -> Outputs:
        """Return the outputs of a model trained on the retain rows: a reference, or exact retraining."""
        return self.populations.reference(self.scenario, number)

    def partial(self, share: float, number: int) -> Outputs:
        """Return the outputs of a model trained on the retain rows and a share of the forget rows.

        The model stands for a method that forgets only the other forget rows.
        """
        rows = kept_rows(self.scenario, share, number)
        return self.populations.outputs(self.scenario, rows, derive_seed(self.scenario.seed, "partial", share, number))

    def easy(self, share: float, number: int) -> Outputs:
        """Return the outputs of a model trained on the retain rows and the easiest share of the forget rows.

        How easy a row is, is told by the retrained model with the same number, as a method would.
        """
        scenario = self.scenario
        losses = scenario.task.losses(self.retrained(number)["forget"], scenario.forget)
        rows = easiest_rows(scenario, share, losses)
        return self.populations.outputs(scenario, rows, derive_seed(scenario.seed, "easy", share, number))
