"""privacy.chosen-rows"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, join
from mu_conformance.checks.power import reference_values, require_power
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee

STRATA = {"easiest": (2 / 3, 1.0), "middle": (1 / 3, 2 / 3), "hardest": (0.0, 1 / 3)}
"""Quantiles between which each stratum of forget rows lies, by how sure models are that never saw the rows."""
FRACTION, SPREADS = 0.4, 1.8
"""Margin as a share of the original-to-reference gap, and the least one in reference deviations.

At 16 runs 1.8 deviations are 6 standard errors of the difference of means. Larger margins leave many methods that keep
the easiest rows inconclusive, and smaller ones retraining too.
"""


@check("privacy.chosen-rows", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def chosen_rows(evidence: Evidence) -> Finding:
    """Forget rows of every difficulty are told no better from holdout rows than they are by references.

    **Why.** A method can keep the rows that a retrained model is sure of anyway. They are a part of the forget set
    only, and training on them moves their outputs little, so that averages over all rows hardly show them.

    **Decision.** The forget rows are divided into thirds by the mean confidence of the references. The statistic of a
    third is the mean LiRA score of its rows, less that of holdout rows of the same difficulty. A reference is scored
    against the other references only. The comparison is one-sided: other checks find rows that are pushed away. The
    margin is two fifths of the original-to-reference gap, and at least 1.8 reference deviations. Where originals are
    hardly surer of the easiest third than references are, nothing can be told of it, and nothing of it was learned
    either.

    **Level.** MUST: deleted data may survive for some of the rows.

    **If it fails.** Above the references: a third of the rows is remembered, though the average row may not be. The
    measurement says which third. Usual causes are rows that are kept because they seem harmless, and a stopping rule
    that looks at the loss of each row.

    **Try.** Treat every forget row, those with a low loss under a retrained model too.

    **References.** Carlini et al. 2022. Hayes et al. 2024 (arXiv 2403.01218).
    """
    require_power(evidence)
    findings = []
    for name, (low, high) in STRATA.items():
        statistic = membership.stratum_score(low, high)
        least = SPREADS * float(reference_values(evidence, statistic).std(ddof=1))
        findings.append(
            compare(
                evidence,
                f"LiRA score of the {name} third",
                statistic,
                Margin(floor=least, fraction=FRACTION),
                sides=Sides.ABOVE,
                # A few runs hardly know their own spread, and would have to be many more for so small a margin.
                spread_as_references=True,
                cause=f"Of the rows, the {name} third is remembered.",
            )
        )
    return join(*findings)
