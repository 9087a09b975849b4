"""robustness.relearning"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, join
from mu_conformance.checks.recovery import MARGIN, recovered
from mu_conformance.checks.statistics import recovery
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee

MARGINS = {"retain": MARGIN, "few": Margin(floor=0.1, fraction=0.25)}
"""Margins of the gain.

Relearning on a handful of forget rows has a wider one, because it moves the other forget rows by chance. References
differ more after it (by up to 0.09).
"""


@check("robustness.relearning", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def relearning(evidence: Evidence) -> Finding:
    """After a short fine-tune, the forget rows are as little known as to references after the same fine-tune.

    **Why.** A method that hides rather than forgets is found by relearning attacks, though its outputs pass.

    **Decision.** Two relearning attacks are decided separately: fine-tunes on retain rows only (arXiv 2505.22310), and
    on a handful of forget rows (arXiv 2406.13356). Each has two statistics. The first is the AUC of the loss attack
    after the fine-tune, against references that went through the same steps. This comparison is two-sided. Its margin
    is a third of the original-to-reference gap, as for the other blunt measures, and at least 0.01. The fine-tune adds
    noise of its own: on a speaker's rows the references' AUC spreads by 0.049 after it, and by 0.034 before. The second
    statistic is the gain of that AUC, one-sided, with the margins in ``MARGINS``. On rows with a trigger the first
    fine-tune alone is used. A handful of these rows teaches the trigger to any model, so that little is left to tell
    after the second.

    **Level.** MUST: deleted data may survive in the weights.

    **If it fails.** Above the references: what was forgotten comes back, so that it was hidden. Below the references:
    the rows are still pushed away. Only the AUC after the fine-tune can fail on this side.

    **Try.** To forget more, train all layers, and for longer. To forget less, bound the ascent on the forget rows.

    **References.** arXiv 2505.22310. arXiv 2406.13356.
    """
    margins = {
        rows: margin for rows, margin in MARGINS.items() if rows != "few" or not evidence.scenario.forget_set.triggered
    }
    return join(
        *(
            compare(
                evidence,
                f"loss attack AUC after relearning ({rows})",
                recovery.recovered_auc(f"relearnt_{rows}"),
                Margin(floor=0.01, fraction=1 / 3),
                cause="Above the references: what was forgotten comes back; below: the rows are still pushed away.",
            )
            for rows in margins
        ),
        *(
            recovered(evidence, f"relearnt_{rows}", f"by relearning ({rows})", margin)
            for rows, margin in margins.items()
        ),
    )
