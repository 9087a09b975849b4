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

    Exact memorization under teacher forcing (Tirumala et al. 2022, arXiv 2205.10770), two-sided: grammar and common
    words are predicted by everybody, so fewer than the references' betrays the deleted texts as well. A third of the
    gap, as for the other scores.
    """
    return compare(
        evidence,
        "exact memorization",
        forgetting.mean_output("exact_memorization"),
        Margin(floor=0.02, fraction=1 / 3),
        cause="Above the references: the texts are still known word for word; below: they are pushed away.",
    )
