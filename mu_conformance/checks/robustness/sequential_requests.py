"""robustness.sequential-requests"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("robustness.sequential-requests", Evidence, kinds=("sequential",))
def sequential_requests(evidence: Evidence) -> Finding:
    """What earlier requests deleted stays deleted after later ones.

    The loss attack on the rows of all requests but the last, in the model that the last one gives. A later request that
    fine-tunes, or begins from something older than what it was handed, brings them back, while its own rows are gone
    and the average over both hides it (deletions in turn: Gupta et al. 2021, arXiv 2106.04378). Two-sided, as all
    attacks are; a quarter of the gap, and not the fifth of ``privacy.membership-loss``, for there are fewer rows.
    """
    return compare(
        evidence,
        "loss attack AUC on rows of earlier requests",
        membership.earlier_requests_auc,
        Margin(floor=0.02, fraction=0.25),
        cause="Above the references: a later request brought them back; below: they were pushed further at each request.",
    )
