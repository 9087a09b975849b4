"""forgetting.verbatim"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("forgetting.verbatim", Evidence, needs=("verbatim",))
def verbatim(evidence: Evidence) -> Finding:
    """As many tokens of the forget texts are predicted right as by models that never saw them.

    **Why.** Every model predicts grammar and common words. Fewer right tokens than the references' betray the deleted
    texts as well as more.

    **Decision.** The statistic is exact memorization under teacher forcing (Tirumala et al. 2022, arXiv 2205.10770),
    the mean over the forget texts. The comparison is two-sided. The margin is a third of the original-to-reference gap,
    and at least 0.02, as for the other scores.

    **Level.** MUST: deleted data may survive in the outputs.

    **If it fails.** Above the references: the texts are still known word for word. Below the references: the texts are
    pushed away, so that the method over-forgets.

    **Try.** To forget more, put more weight on tokens that the original predicts surely. To forget less, bound the loss
    of each token, and train on retain texts.

    **References.** Tirumala et al. 2022 (arXiv 2205.10770).
    """
    return compare(
        evidence,
        "exact memorization",
        forgetting.mean_output("exact_memorization"),
        Margin(floor=0.02, fraction=1 / 3),
        cause="Above the references: the texts are still known word for word; below: they are pushed away.",
    )
