"""robustness.noise-and-pruning"""

from __future__ import annotations

from mu_conformance.checks import statistics
from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.comparison import compare, join
from mu_conformance.checks.finding import Finding
from mu_conformance.evidence import Evidence
from mu_conformance.protocol import Guarantee
from mu_conformance.verdict import Margin


@check("robustness.noise-and-pruning", Subject.EVIDENCE, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def noise_and_pruning(evidence: Evidence) -> Finding:
    """With noise on the weights, or without the smallest of them, the forget rows are as little known as to references treated so.

    What was unlearned must not hang on a fine balance of weights. Decided on the loss attack's AUC after noise of a tenth of
    each matrix's spread, and after setting its smallest three tenths to 0 (``treatments.perturbation``), two-sided, a third of
    the gap.
    """
    return join(
        *(
            compare(
                evidence,
                f"loss attack AUC {how}",
                statistics.treated_auc(treatment),
                Margin(floor=0.02, fraction=1 / 3),
                cause="Above the references: a small change brings back what was forgotten; below: the rows are still pushed away.",
            )
            for treatment, how in (("noised", "with noise"), ("pruned", "pruned"))
        )
    )
