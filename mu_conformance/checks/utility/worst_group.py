"""utility.worst-group"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.worst-group", Evidence, needs=("classes",))
def worst_group(evidence: Evidence) -> Finding:
    """No class is worse off on test rows than under the references.

    An average hides a subgroup that was destroyed (Oesterling et al. 2024 on fairness of unlearning, arXiv 2307.14754).
    Decided on the class with the largest drop of accuracy from the references' mean. 0.15 is more than 5 standard
    errors with 16 runs on every embedded task; a class that is lost drops by all of its accuracy.
    """
    return compare(
        evidence,
        "largest drop of a class",
        utility.worst_group_drop,
        Margin(floor=0.15),
        sides=Sides.BELOW,
        cause="One class is predicted much worse than by retrained models.",
    )
