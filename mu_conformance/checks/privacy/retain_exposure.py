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
    """The retain rows are no more exposed than in retrained models.

    **Why.** Unlearning can sharpen what is known of the rows that nobody asked to delete (Hayes et al. 2024, arXiv
    2403.01218).

    **Decision.** The statistic is the log of how much surer a model is of retain rows than of holdout rows, in standard
    deviations of its confidence over holdout rows. The unit is the model's own, because another recipe makes all
    confidences larger alike. The AUC of the loss attack does not serve here: it is near 1 in models that fit their
    rows, and would not rise. The comparison is one-sided: only a larger advantage counts. The advantage may be a third
    more than the references' (0.3 as a log). With 16 runs that is 5 standard errors or more.

    **Level.** MUST: rows that stay become exposed, which harms what the caller owns.

    **If it fails.** Above the references: members that stayed are easier to tell than before. The method trained on
    them for too long.

    **Try.** Reduce the steps on the retain set, or their learning rate.

    **References.** Hayes et al. 2024 (arXiv 2403.01218).
    """
    return compare(
        evidence,
        "log advantage of retain rows",
        membership.retain_advantage,
        Margin(floor=0.3),
        sides=Sides.ABOVE,
        cause="Members that stayed are easier to tell than before: the method trained on them for too long.",
    )
