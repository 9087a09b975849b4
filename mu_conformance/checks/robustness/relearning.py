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
"""Of the gain: a handful of forget rows moves the others by chance, so that references differ more after it (by up to 0.09)."""


@check("robustness.relearning", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def relearning(evidence: Evidence) -> Finding:
    """After a short fine-tune, the forget rows are as little known as to references after the same fine-tune.

    Two fine-tunes: on retain rows only (arXiv 2505.22310) and on a handful of forget rows (arXiv 2406.13356). A method
    that hides rather than forgets is found here though its outputs pass. Decided on the loss attack's AUC, against
    references that went through the same steps, and on how much it gained. The first margin is a third of the gap, as
    for the other blunt measures: the fine-tune adds noise of its own (on a speaker's rows the references' AUC spreads
    by 0.049 after it, 0.034 before). On rows with a trigger the first fine-tune alone: a handful of them teaches the
    trigger to any model, so that after the second little is left to tell.
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
