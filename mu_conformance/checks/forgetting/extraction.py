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
    """The forget texts can be extracted with prompts no shorter, and no longer, than from models that never saw them.

    Extraction strength (Carlini et al. 2021, arXiv 2012.07805): the share of a text that greedy decoding gives exactly
    once a prefix is known. Where the task has facts, knowledge of them in other words and the truth ratio (TOFU, arXiv
    2401.06121) are reported next to the references' values; neither is thresholded.
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
