"""forgetting.extraction"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, with_reports
from mu_conformance.checks.statistics import forgetting
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("forgetting.extraction", Evidence, needs=("extraction",))
def extraction(evidence: Evidence) -> Finding:
    """Prompts that extract the forget texts are as long as for models that never saw these texts.

    **Why.** A short prompt that brings out a deleted text exposes the text itself.

    **Decision.** The statistic is extraction strength (Carlini et al. 2021, arXiv 2012.07805): the share of a text that
    greedy decoding gives exactly once a prefix is known. The comparison is two-sided. The margin is a third of the
    original-to-reference gap, and at least 0.02. Where the task has facts, two figures are reported next to the
    references' values. They are knowledge of the facts in other words, and the truth ratio (TOFU, arXiv 2401.06121).
    Neither is thresholded.

    **Level.** MUST: deleted data may survive in the outputs.

    **If it fails.** Above the references: a short prompt still brings the texts out. Below the references: the texts
    are pushed away, so that the method over-forgets.

    **Try.** To forget more, take more steps on every text, its first tokens included. To forget less, bound the ascent,
    and train on retain texts.

    **References.** Carlini et al. 2021 (arXiv 2012.07805). TOFU (arXiv 2401.06121).
    """
    finding = compare(
        evidence,
        "extraction strength",
        forgetting.mean_output("extraction_strength"),
        Margin(floor=0.02, fraction=1 / 3),
        cause="Above the references: a short prompt still brings the texts out; below: they are pushed away.",
    )
    if "facts" not in evidence.task.features:
        return finding
    reported = {
        "fact accuracy in other words": forgetting.mean_output("rephrased_score"),
        "median truth ratio": forgetting.median_output("truth_ratio"),
    }
    return with_reports(finding, evidence, reported)
