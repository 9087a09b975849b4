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
    """Rows that earlier requests deleted stay deleted after later requests.

    **Why.** A later request can bring earlier rows back, while its own rows are gone and the average over both hides it
    (deletions in turn: Gupta et al. 2021, arXiv 2106.04378).

    **Decision.** The statistic is the AUC of the loss attack on the rows of all requests except the last. The attack is
    on the model that the last request gives. The comparison is two-sided, as for ``privacy.membership-loss``. The
    margin is a quarter of the original-to-reference gap, and at least 0.02. There the margin is a fifth of the gap, but
    here there are fewer rows.

    **Level.** MUST: deleted data may survive in the outputs after a later request.

    **If it fails.** Above the references: a later request brought the rows back. The method fine-tunes, or starts from
    a model older than the one it was handed. Below the references: the rows were pushed further away at each request.

    **Try.** Start from the handed model, and train on no rows except those of the request. To forget less, bound the
    ascent of each request.

    **References.** Gupta et al. 2021 (arXiv 2106.04378).
    """
    return compare(
        evidence,
        "loss attack AUC on rows of earlier requests",
        membership.earlier_requests_auc,
        Margin(floor=0.02, fraction=0.25),
        cause="Above the references: a later request brought them back; "
        "below: they were pushed further at each request.",
    )
