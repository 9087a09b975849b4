"""Decide on the gain of a recovery attack: the step shared by the checks of recovery attacks."""

from __future__ import annotations

from mu_conformance.checks.comparison import compare, with_reports
from mu_conformance.checks.power import gap
from mu_conformance.checks.statistics import membership, recovery
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence

__all__ = ["recovered"]

MARGIN = Margin(floor=0.05, fraction=1 / 6)
"""Margin of the gain. The gap in it is that of the loss attack's AUC before the attack."""


def recovered(evidence: Evidence, attack: str, how: str, margin: Margin = MARGIN) -> Finding:
    """Decide whether the loss attack's AUC gains more from a recovery attack than the references' does.

    A model is compared with itself before the attack. Seeds move both AUCs alike, so that the gain spreads less than
    the AUC does. The comparison is one-sided, because a fall means that nothing was hidden.

    Args:
        evidence: the scenario's originals, references and runs.
        attack: name of the recovery attack (``evidence.recovery``).
        how: phrase that ends the name of the measurements, such as "at 4 bits".
        margin: margin whose gap is the original-to-reference gap of the AUC without any attack. The margin is two
            reference deviations or more on every scenario of the smoke profile (``benchmarks/recovery.py``).
    """
    found = compare(
        evidence,
        f"loss attack AUC gained {how}",
        recovery.recovery_gain(attack),
        Margin(floor=margin.value(gap(evidence, membership.loss_auc))),
        sides=Sides.ABOVE,
        cause=f"What was hidden comes back {how}.",
    )
    return with_reports(found, evidence, {f"loss attack AUC {how}": recovery.recovered_auc(attack)})
