"""privacy.worst-example"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.audit import Audit
from mu_conformance.measures import membership
from mu_conformance.protocol.claims import Guarantee

ERROR = 0.01
"""Type I error rate over all rows and rules together: retraining fails one audit in a hundred at most."""


@check("privacy.worst-example", Audit, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def worst_example(audit: Audit) -> Finding:
    """No single row can be told to have been trained on, beyond the claimed epsilon (0 if none is claimed).

    **Why.** Averages hide a single row that is remembered. An attacker compares models that unlearned a row with models
    that never saw it.

    **Decision.** Each target gets a lower bound on the epsilon of its unlearning (``measures.epsilon``). The bound is
    the larger of two: one by thresholds, and one by the area under the curve. The check fails if the largest bound over
    rows, corrected for their number, exceeds the claim. A claim of no epsilon, or of epsilon = delta = 0, is also
    tested by randomisation (``measures.randomisation``). The check then fails if the memberships can be told from other
    possible draws by the row that is furthest from chance. The test detects smaller effects than any bound can show.
    The bound is one-sided: only an epsilon above the claim counts. An epsilon above the largest resolvable one cannot
    be shown by so many models.

    **Level.** MUST: deleted data may survive for at least one row, and an epsilon above the claim makes the claim
    unbelievable.

    **If it fails.** At least the row that is named is remembered, though averages may pass. Usual causes are rows that
    a filter or a stopping rule leaves out.

    **Try.** Treat every forget row, and stop by the worst row instead of the average. Claim an epsilon only if noise of
    the method hides that much.

    **References.** Jagielski et al. 2020 (arXiv 2006.07709). Hayes et al. 2024 (arXiv 2403.01218).
    """
    claims = audit.claims
    # Only a claim of epsilon-delta unlearning buys an epsilon: any other guarantee is audited as epsilon 0.
    promised = claims.guarantee == Guarantee.EPSILON_DELTA
    claimed, delta = (claims.epsilon or 0.0, claims.delta or 0.0) if promised else (0.0, 0.0)
    exact = claimed == delta == 0
    positives, negatives = audit.curves()
    rows = len(positives)
    # The randomisation test, if it applies, takes half of the error rate. Two kinds of bound share the rest equally,
    # and rows share each part.
    confidence = 1 - (ERROR / 2 if exact else ERROR) / 2 / rows
    both = list(zip(positives, negatives, strict=True))
    bounds = np.array([_largest(inside, outside, delta, confidence) for inside, outside in both])
    randomised = membership.membership_randomisation(audit.confidences, audit.included)
    told = np.ones(len(positives[0])), np.zeros(len(negatives[0]))
    resolvable = _largest(*told, delta, confidence)
    worst = randomised.worst
    measurements = (
        Measurement(
            "epsilon of the worst row, lower bound", float(bounds.max()), margin=claimed or None, runs=audit.models
        ),
        Measurement("epsilon, 95th percentile of rows", float(np.quantile(bounds, 0.95)), runs=audit.models),
        Measurement("epsilon, mean over rows", float(bounds.mean()), runs=audit.models),
        Measurement("largest resolvable epsilon", resolvable),
        Measurement("AUC of the worst row", float(randomised.aucs[worst]), runs=audit.models),
        Measurement("p-value of the worst row's AUC", randomised.p_value, runs=audit.models),
        Measurement("AUC, mean over rows", float(randomised.aucs.mean()), runs=audit.models),
    )
    remedy = "Single rows are remembered, though averages may pass."
    if bounds.max() > claimed:
        return Finding.failed(
            f"the epsilon of row {int(bounds.argmax())} of {rows} is at least {bounds.max():.2f} with confidence "
            f"{1 - ERROR:g} over all rows, from {audit.models} models (the largest that they resolve is "
            f"{resolvable:.2f}); claimed is {claimed:g}. {remedy}",
            *measurements,
        )
    if exact and randomised.p_value <= ERROR / 2:
        return Finding.failed(
            f"row {worst} of {rows} can be told to have been trained on: AUC {randomised.aucs[worst]:.2f} over "
            f"{audit.models} models; of memberships drawn anew a share of {randomised.p_value:.4f} has a row as far "
            f"from 0.5. {remedy}",
            *measurements,
        )
    return Finding.passed(*measurements)


def _largest(positives: np.ndarray, negatives: np.ndarray, delta: float, confidence: float) -> float:
    """Return the larger of the two lower bounds on a row's epsilon."""
    rules = (membership.epsilon_lower_bound, membership.epsilon_from_auc)
    return max(float(rule(positives, negatives, delta, confidence)) for rule in rules)
