"""privacy.retain-exposure"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import advise, compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee

MARGIN = Margin(floor=0.3)
"""Largest tolerated difference to the references, as a log."""


@check("privacy.retain-exposure", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT, partly_should=True)
def retain_exposure(evidence: Evidence) -> Finding:
    """The retain rows are no more exposed than in retrained models.

    **Why.** Unlearning can sharpen what is known of the rows that nobody asked to delete (Hayes et al. 2024, arXiv
    2403.01218).

    **Decision.** The statistic is the log of how much surer a model is of retain rows than of holdout rows, in standard
    deviations of its confidence over holdout rows. The unit is the model's own, because another recipe makes all
    confidences larger alike. The AUC of the loss attack does not serve here: it is near 1 in models that fit their
    rows, and would not rise. The comparison is one-sided: only a larger advantage counts. The advantage may be a third
    more than the references' (0.3 as a log). With 16 runs that is 5 standard errors or more.

    The advantage in the confidence's own unit is compared likewise, and a failure of it alone is a recommendation: a
    sharper recipe shows in it as much as a method that trained on retain rows for too long.

    **Level.** MUST: rows that stay become exposed, which harms what the caller owns. SHOULD where all confidences are
    larger alike.

    **If it fails.** Above the references: members that stayed are easier to tell than before. The method trained on
    them for too long.

    **Try.** Reduce the steps on the retain set, or their learning rate.

    **References.** Hayes et al. 2024 (arXiv 2403.01218).
    """
    found = compare(
        evidence,
        "log advantage of retain rows",
        membership.retain_advantage,
        MARGIN,
        sides=Sides.ABOVE,
        cause="Members that stayed are easier to tell than before: the method trained on them for too long.",
    )
    why = "the method trained on the retain rows for longer than the recipe, or by a sharper one"
    name = "log advantage of retain rows, in confidence"
    return advise(found, evidence, name, membership.retain_margin, MARGIN.floor, why)
