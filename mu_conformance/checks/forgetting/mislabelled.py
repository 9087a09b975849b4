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
    """The wrong labels of the forget rows are predicted no more, and no less, than by references.

    **Why.** Corrective unlearning removes wrong training data (Goel et al. 2024, arXiv 2402.14015). Poisons stay though
    attacks look fine (arXiv 2406.17216).

    **Decision.** The statistic is the rate at which forget rows get the wrong label that the original was trained on.
    The comparison is two-sided. The margin is a quarter of the original-to-reference gap, and at least 0.03. This
    scenario is the sharpest, because a reference rarely predicts a wrong label.

    **Level.** MUST: deleted data may survive in the outputs.

    **If it fails.** Above the references: the wrong labels left a trace, for example in rows that were kept. Below the
    references: the rows are pushed away from these labels, so that the method over-forgets.

    **Try.** To forget more, take steps on every forget row, the hardest included. To forget less, bound the ascent on
    the wrong labels, and train on retain rows.

    **References.** Goel et al. 2024 (arXiv 2402.14015). arXiv 2406.17216.
    """
    return compare(
        evidence,
        "wrong-label rate",
        forgetting.trained_label_score,
        Margin(floor=0.03, fraction=0.25),
        cause="Too high: the wrong labels left a trace; too low: the rows are pushed away from them.",
    )
