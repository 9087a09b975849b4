"""robustness.seeds"""

from __future__ import annotations

from mu_conformance.checks import statistics
from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.comparison import compare_spread, join
from mu_conformance.checks.finding import Finding
from mu_conformance.evidence import Evidence

TIMES, FLOOR = 2.0, 0.03


@check("robustness.seeds", Subject.EVIDENCE)
def seeds(evidence: Evidence) -> Finding:
    """The outcome depends on the seed no more than retraining's does: it spreads at most three times as much over runs.

    A method that works on average but not on the model at hand is no use to who asks for deletion. Decided on the spread of the
    loss attack's AUC and of the test score over originals and seeds, against that over references.
    """
    return join(
        *(
            compare_spread(
                evidence,
                f"spread over seeds of the {name}",
                statistic,
                floor=FLOOR,
                times=TIMES,
                cause="Some runs come out far from others: what a single deletion gets is a matter of luck.",
            )
            for name, statistic in (("loss attack AUC", statistics.loss_auc), ("test score", statistics.test_score))
        )
    )
