"""forgetting.score"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("forgetting.score", Evidence, applies=lambda task, kind: task.score_tells(kind))
def score(evidence: Evidence) -> Finding:
    """The score on the forget rows (their true labels; with a trigger, its label) is that of models that never saw them.

    MU-Bench's D_f (arXiv 2406.14796), two-sided: a score below the references' shows an attacker what was deleted as
    clearly as one above. Above: rows are remembered (or, when they were mislabelled, below). Below: over-forgetting.
    The margin is a third of the original-to-reference gap: accuracy is a blunt measure, with about 8 reference
    deviations between original and references. On rows with a trigger it is the trigger's label that was trained on;
    how far the trigger alone confuses a reference about the true ones varies much with the seed. Left out where scores
    do not depend on a row's having been trained on (a generated image shows a digit, not the scan that was deleted).
    """
    return compare(
        evidence,
        "forget score",
        forgetting.trained_label_score if evidence.scenario.forget_set.triggered else forgetting.forget_score,
        Margin(floor=0.02, fraction=1 / 3),
        cause="Nearer the original: rows are remembered; beyond the references: the method over-forgets.",
    )
