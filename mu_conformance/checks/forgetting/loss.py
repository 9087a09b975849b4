"""forgetting.loss"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence

MARGIN = Margin(floor=0.02, fraction=1 / 3)
"""Largest tolerated difference to the references."""


@check("forgetting.loss", Evidence)
def loss(evidence: Evidence) -> Finding:
    """The loss on forget rows, less that on holdout rows, is that of models that never saw the forget rows.

    **Why.** Gradient ascent drives the loss far above the references', which singles the rows out (Hayes et al. 2024,
    arXiv 2403.01218).

    **Decision.** The statistic is the mean loss on forget rows minus that on holdout rows, in standard deviations of
    the loss over holdout rows. The difference is taken inside each model, because seeds move the loss of all rows
    together. The unit is the model's own, because another recipe makes all losses larger alike. The comparison is
    two-sided. The margin is a third of the original-to-reference gap, and at least 0.02, because a few rows dominate
    means of losses.

    **Level.** MUST: deleted data may survive in the outputs.

    **If it fails.** Above the references: the loss of the rows was driven up, so that the method over-forgets. Below
    the references: rows are remembered.

    **Try.** To forget more, take more steps on the forget rows. To forget less, bound the ascent, or stop at the loss
    of rows that were never trained on.

    **References.** Hayes et al. 2024 (arXiv 2403.01218).
    """
    return compare(
        evidence,
        "standardised loss difference",
        forgetting.loss_difference,
        MARGIN,
        cause="Too low: rows are remembered; too high: their loss was driven up (over-forgetting).",
    )
