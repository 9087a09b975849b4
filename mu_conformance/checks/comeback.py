"""What a treatment brings back: the step that the checks of one treatment share."""

from __future__ import annotations

from mu_conformance.checks import statistics
from mu_conformance.checks.comparison import compare, with_reports
from mu_conformance.checks.finding import Finding
from mu_conformance.evidence import Evidence
from mu_conformance.verdict import Margin, Sides

__all__ = ["comes_back"]


def comes_back(evidence: Evidence, treatment: str, how: str, floor: float) -> Finding:
    """Whether the loss attack's AUC gains more from a treatment than the references' does, by more than ``floor``.

    A model is compared with itself before the treatment: seeds move both alike, so that the gain spreads several times less
    than the AUC does. Above alone: what falls was not hidden.
    """
    found = compare(
        evidence,
        f"loss attack AUC gained {how}",
        statistics.treated_gain(treatment),
        Margin(floor=floor),
        sides=Sides.ABOVE,
        cause=f"What was hidden comes back {how}.",
    )
    return with_reports(found, evidence, {f"loss attack AUC {how}": statistics.treated_auc(treatment)})
