"""forgetting.output-divergence"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("forgetting.output-divergence", Evidence)
def output_divergence(evidence: Evidence) -> Finding:
    """The answers on forget rows are no further from the references' mean answer than a reference's own are.

    Jensen-Shannon divergence, the mean over rows, of all of the answer and not of its label alone (where a task keeps
    single confidences, of these). One-sided: nearer than a reference is not wrong. A third of the gap, and at least
    0.03 nats: on a speaker's few rows (keyword_spotting) originals lie only 3 reference deviations away, and 0.03 is 5
    standard errors there with 16 runs.
    """
    return compare(
        evidence,
        "divergence of outputs",
        forgetting.output_divergence,
        Margin(floor=0.03, fraction=1 / 3),
        sides=Sides.ABOVE,
        cause="On the forget rows the model answers unlike any model that never saw them.",
    )
