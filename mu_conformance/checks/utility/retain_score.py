"""utility.retain-score"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.retain-score", Evidence)
def retain_score(evidence: Evidence) -> Finding:
    """The score on retain rows is no worse than the references'.

    **Why.** The score is MU-Bench's D_r. Nobody asked to delete the retain rows.

    **Decision.** The statistic is the mean score on retain rows. The comparison is one-sided: a better score harms
    nobody. The margin is five points. Models fit their retain rows almost exactly, so that the margin is far outside
    the references' spread.

    **Level.** MUST: a method that forgets rows nobody asked to delete harms what the caller owns.

    **If it fails.** Below the references: retain rows were forgotten too. Usual causes are too large a step, no
    training on retain rows, and batch statistics that were not updated.

    **Try.** Take smaller steps, and train on retain rows. If weights are edited, pass retain rows through the model in
    training mode to update batch statistics.

    **References.** Cheng & Amiri 2024 (MU-Bench, arXiv 2406.14796).
    """
    return compare(
        evidence,
        "retain score",
        utility.retain_score,
        Margin(floor=0.05),
        sides=Sides.BELOW,
        cause="Rows that nobody asked to delete were forgotten too.",
        key="D_r",
    )
