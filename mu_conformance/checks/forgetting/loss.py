"""forgetting.loss"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("forgetting.loss", Evidence)
def loss(evidence: Evidence) -> Finding:
    """The loss on forget rows, less that on holdout rows, is that of models that never saw the forget rows.

    Paired inside the model, because seeds move the loss of all rows together. Two-sided: gradient ascent drives the
    loss far above the references', which singles the rows out (Hayes et al. 2024, arXiv 2403.01218). The margin is a
    third of the gap: means of losses are dominated by few rows.
    """
    return compare(
        evidence,
        "loss difference",
        forgetting.loss_difference,
        Margin(floor=0.02, fraction=1 / 3),
        cause="Too low: rows are remembered; too high: their loss was driven up (over-forgetting).",
    )
