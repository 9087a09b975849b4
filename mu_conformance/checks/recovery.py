"""What a treatment brings back: the step that the checks of one treatment share."""

from __future__ import annotations

from mu_conformance.checks.comparison import compare, gap, with_reports
from mu_conformance.checks.statistics import forgetting as statistics
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin, Sides
from mu_conformance.evidence.base import Evidence

__all__ = ["comes_back"]

MARGIN = Margin(floor=0.05, fraction=1 / 6)


def comes_back(evidence: Evidence, treatment: str, how: str, margin: Margin = MARGIN) -> Finding:
    """Whether the loss attack's AUC gains more from a treatment than the references' does.

    A model is compared with itself before the treatment: seeds move both alike, so that the gain spreads less than the AUC
    does. The margin is a part of what originals are ahead of references without any treatment, which is two reference
    deviations or more on every scenario of the smoke profile (``benchmarks/comeback.py``). Above alone: what falls was not
    hidden.
    """
    found = compare(
        evidence,
        f"loss attack AUC gained {how}",
        statistics.treated_gain(treatment),
        Margin(floor=margin.value(gap(evidence, statistics.loss_auc))),
        sides=Sides.ABOVE,
        cause=f"What was hidden comes back {how}.",
    )
    return with_reports(found, evidence, {f"loss attack AUC {how}": statistics.treated_auc(treatment)})
