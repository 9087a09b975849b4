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
    """Probabilities on forget rows are no further from the references' mean than those on other rows are.

    **Why.** A score compares the label alone. A model can keep the label and still answer unlike any model that never
    saw the rows.

    **Decision.** The statistic is the Jensen-Shannon divergence of all probabilities from the references' mean, the
    mean over forget rows less that over holdout rows. The difference is taken inside each model, because a model
    trained by another recipe differs on all rows alike. Where a task keeps single confidences, the statistic is of
    these. The comparison is one-sided: nearer than a reference is not wrong. The margin is a third of the
    original-to-reference gap, and at least 0.03 nats. On a speaker's few rows (keyword_spotting) the effect size
    (Glass's delta) between originals and references is only 3. With 16 runs, 0.03 is 5 standard errors there.

    **Level.** MUST: deleted data may survive in the outputs.

    **If it fails.** Above the references: the model answers on the forget rows unlike any model that never saw them.
    Usual causes are remembered rows, and rows driven to uniform or wrong probabilities.

    **Try.** Read ``forgetting.loss`` on the same scenario: below the references, forget more, and above them, forget
    less. Do not train towards uniform or wrong labels.

    **References.** None.
    """
    return compare(
        evidence,
        "divergence of outputs, forget less holdout rows",
        forgetting.output_divergence,
        Margin(floor=0.03, fraction=1 / 3),
        sides=Sides.ABOVE,
        cause="On the forget rows the model answers unlike any model that never saw them.",
    )
