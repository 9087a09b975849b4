"""forgetting.mislabelled"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("forgetting.mislabelled", Evidence, kinds=("mislabelled",))
def mislabelled(evidence: Evidence) -> Finding:
    """The wrong labels that the original was trained on are predicted no more, and no less, than by references.

    Corrective unlearning (Goel et al. 2024, arXiv 2402.14015; poisons stay though attacks look fine: arXiv 2406.17216).
    The sharpest scenario, since a reference rarely predicts a wrong label; hence a quarter of the gap.
    """
    return compare(
        evidence,
        "wrong-label rate",
        forgetting.trained_label_score,
        Margin(floor=0.03, fraction=0.25),
        cause="Too high: the wrong labels left a trace; too low: the rows are pushed away from them.",
    )
