"""utility.no-collapse"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.no-collapse", Evidence)
def no_collapse(evidence: Evidence) -> Finding:
    """The model has not collapsed onto one class.

    **Why.** MU-Bench's overall score ranks a model that always predicts the majority class above exact retraining. Its
    published speech results have two of these models.

    **Decision.** The statistic is the share of test rows that get the most predicted class. The comparison is
    one-sided. The share may exceed the references' by 0.2 at most. A collapsed model has share 1.

    **Level.** MUST: a model that lost its use is unusable to its caller.

    **If it fails.** Above the references: the model predicts one class for almost everything. Usual causes are an
    unbounded ascent on the loss, and a large change of the last layer's bias.

    **Try.** Bound the ascent, or clip its gradients. Alternate it with steps on retain rows of every class.

    **References.** Cheng & Amiri 2024 (MU-Bench, arXiv 2406.14796).
    """
    return compare(
        evidence,
        "largest prediction share",
        utility.largest_prediction_share,
        Margin(floor=0.2),
        sides=Sides.ABOVE,
        cause="The model predicts one class for almost everything.",
    )
