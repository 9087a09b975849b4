"""What a treatment brings back: the step that the checks of one treatment share."""

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


def recovered(evidence: Evidence, treatment: str, how: str, margin: Margin = MARGIN) -> Finding:
    """Whether the loss attack's AUC gains more from a treatment than the references' does.

    A model is compared with itself before the treatment: seeds move both alike, so that the gain spreads less than the
    AUC does. The margin is a part of what originals are ahead of references without any treatment, which is two
    reference deviations or more on every scenario of the smoke profile (``benchmarks/recovery.py``). Above alone: what
    falls was not hidden.
    """
    found = compare(
        evidence,
        f"loss attack AUC gained {how}",
        recovery.recovery_gain(treatment),
        Margin(floor=margin.value(gap(evidence, membership.loss_auc))),
        sides=Sides.ABOVE,
        cause=f"What was hidden comes back {how}.",
    )
    return with_reports(found, evidence, {f"loss attack AUC {how}": recovery.recovered_auc(treatment)})
