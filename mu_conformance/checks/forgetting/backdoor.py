"""forgetting.backdoor"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("forgetting.backdoor", Evidence, kinds=("backdoored",))
def backdoor(evidence: Evidence) -> Finding:
    """The trigger of the deleted rows changes predictions no more, and no less, than it does a reference's.

    **Why.** Poisons stay in a model though attacks on the forget rows look fine (Pawelczyk et al. 2024, arXiv
    2406.17216).

    **Decision.** The statistic is how often test rows with the trigger get the label that the backdoor gives them. The
    comparison is two-sided. The margin is a quarter of the original-to-reference gap, and at least 0.03, as for wrong
    labels.

    **Level.** MUST: deleted data may survive in the outputs.

    **If it fails.** Above the references: the backdoor is still there, usually because a few rows with the trigger were
    kept. Below the references: the label of the backdoor is avoided, so that the method over-forgets.

    **Try.** To forget more, unlearn every row with the trigger, not a sample. To forget less, bound the ascent on the
    backdoor's label, and train on retain rows.

    **References.** Pawelczyk et al. 2024 (arXiv 2406.17216).
    """
    return compare(
        evidence,
        "backdoor success rate",
        forgetting.backdoor_success,
        Margin(floor=0.03, fraction=0.25),
        cause="Too high: the backdoor is still there; too low: its label is avoided.",
    )
