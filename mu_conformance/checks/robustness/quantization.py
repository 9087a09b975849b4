"""robustness.quantization"""

from __future__ import annotations

from mu_conformance.checks import statistics
from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.comparison import compare, join
from mu_conformance.checks.finding import Finding
from mu_conformance.evidence import Evidence
from mu_conformance.protocol import Guarantee
from mu_conformance.verdict import Margin


@check("robustness.quantization", Subject.EVIDENCE, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def quantization(evidence: Evidence) -> Finding:
    """With weights rounded to 8 or 4 bits, the forget rows are as little known as to references with theirs rounded so.

    Quantization can bring back what was hidden by small changes of the weights (Zhang et al. 2024, arXiv 2410.16454: 21 % of
    the forgotten knowledge in full precision, 83 % at 4 bits). Decided on the loss attack's AUC after a round trip through int8
    and through 4-bit NormalFloat (``treatments.quantization``), two-sided, a third of the gap.
    """
    return join(
        *(
            compare(
                evidence,
                f"loss attack AUC {how}",
                statistics.treated_auc(treatment),
                Margin(floor=0.02, fraction=1 / 3),
                cause="Above the references: rounding brings back what was forgotten; below: the rows are still pushed away.",
            )
            for treatment, how in (("int8", "at 8 bits"), ("nf4", "at 4 bits"))
        )
    )
