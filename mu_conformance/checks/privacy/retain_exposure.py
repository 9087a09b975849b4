"""privacy.retain-exposure"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("privacy.retain-exposure", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def retain_exposure(evidence: Evidence) -> Finding:
    """The rows that stay are no more exposed than in models that were retrained.

    Unlearning can sharpen what is known of the rows that nobody asked to delete (Hayes et al. 2024, arXiv 2403.01218).
    Decided on how much surer a model is of retain than of holdout rows: the loss attack's AUC is near 1 in models that
    fit their rows and would not rise. It may be a third more than the references' (0.3 as a log), 5 standard errors
    with 16 runs or more.
    """
    return compare(
        evidence,
        "log advantage of retain rows",
        membership.retain_advantage,
        Margin(floor=0.3),
        sides=Sides.ABOVE,
        cause="Members that stayed are easier to tell than before: the method trained on them for too long.",
    )
