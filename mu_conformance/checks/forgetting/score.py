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
    """The score on the forget rows is that of models that never saw them.

    **Why.** The score is MU-Bench's D_f (arXiv 2406.14796). A score below the references' shows an attacker what was
    deleted as clearly as one above.

    **Decision.** The statistic is the mean score on the forget rows against their true labels, or with a trigger
    against its label. The trigger's label is the one that was trained on. The true labels do not serve there, because
    the trigger confuses a reference about them by an amount that varies much with the seed. The comparison is
    two-sided. The margin is a third of the original-to-reference gap, and at least 0.02. Accuracy is a blunt measure,
    with an effect size (Glass's delta) of about 8 between originals and references. The check is left out where scores
    do not depend on a row's having been trained on. A generated image shows a digit, for example, not the scan that was
    deleted.

    **Level.** MUST: deleted data may survive in the outputs.

    **If it fails.** Above the references: rows are remembered. Where the rows were mislabelled, the method over-forgets
    instead. Below the references: the method over-forgets. Where the rows were mislabelled, they are remembered
    instead.

    **Try.** To forget more, take more steps on the forget rows. To forget less, bound the ascent, and train on retain
    rows.

    **References.** Cheng & Amiri 2024 (MU-Bench, arXiv 2406.14796).
    """
    return compare(
        evidence,
        "forget score",
        forgetting.trained_label_score if evidence.scenario.forget_set.triggered else forgetting.forget_score,
        Margin(floor=0.02, fraction=1 / 3),
        cause="Nearer the original: rows are remembered; beyond the references: the method over-forgets.",
        key="D_f",
    )
