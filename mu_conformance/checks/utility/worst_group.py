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

    **Why.** An average hides a subgroup that was destroyed (Oesterling et al. 2024 on fairness of unlearning, arXiv
    2307.14754).

    **Decision.** The statistic is the drop of accuracy from the references' mean, of the class with the largest drop.
    The comparison is one-sided. The margin is 0.15. With 16 runs that is more than 5 standard errors on every embedded
    task. A class that is lost drops by all of its accuracy.

    **Level.** MUST: a model that lost a class is unusable for that class.

    **If it fails.** Below the references: one class is predicted much worse than by retrained models. Usual causes are
    forget rows of mostly one class, and a changed bias of the last layer.

    **Try.** Train on retain rows of every class, in equal shares. Do not edit the last layer's bias by hand.

    **References.** Oesterling et al. 2024 (arXiv 2307.14754).
    """
    return compare(
        evidence,
        "largest drop of a class",
        utility.worst_group_drop,
        Margin(floor=0.15),
        sides=Sides.BELOW,
        cause="One class is predicted much worse than by retrained models.",
    )
