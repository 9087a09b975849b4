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
    """The trigger that the deleted rows carried changes answers no more, and no less, than it does a reference's.

    Decided on test rows with the trigger: how often they get the label that the backdoor gives them. Poisons stay
    though attacks on the forget rows look fine (Pawelczyk et al. 2024, arXiv 2406.17216). A quarter of the gap, as for
    wrong labels.
    """
    return compare(
        evidence,
        "backdoor success rate",
        forgetting.backdoor_success,
        Margin(floor=0.03, fraction=0.25),
        cause="Too high: the backdoor is still there; too low: its label is avoided.",
    )
