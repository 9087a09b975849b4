"""privacy.worst-example"""

from __future__ import annotations

import numpy as np

from mu_conformance.audit import Audit
from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.finding import Finding, Measurement
from mu_conformance.measures import membership
from mu_conformance.protocol import Guarantee

CONFIDENCE = 0.99
"""Over all rows together: retraining fails one audit in a hundred at most."""


@check("privacy.worst-example", Subject.AUDIT, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def worst_example(audit: Audit) -> Finding:
    """No single row can be told to have been trained on, beyond the epsilon that is claimed (0 if none is).

    For each target, a lower bound on the epsilon of its unlearning from an attacker who compares models that unlearned it with
    models that never saw it (``measures.epsilon``; Jagielski et al. 2020, arXiv 2006.07709; Hayes et al. 2024, arXiv 2403.01218).
    It fails if the largest bound over rows, corrected for their number, exceeds the claim. A failure says that at least
    that row is remembered; what the largest resolvable epsilon does not exceed cannot be shown by so many models.
    """
    claims = audit.claims
    claimed, delta = (claims.epsilon or 0.0, claims.delta or 0.0) if claims.epsilon is not None else (0.0, 0.0)
    positives, negatives = audit.curves()
    rows = len(positives)
    confidence = 1 - (1 - CONFIDENCE) / rows
    bounds = np.array(
        [
            float(membership.epsilon_lower_bound(inside, outside, delta, confidence))
            for inside, outside in zip(positives, negatives, strict=True)
        ]
    )
    aucs = np.array([membership.auc(inside, outside) for inside, outside in zip(positives, negatives, strict=True)])
    resolvable = membership.largest_resolvable_epsilon(len(positives[0]), len(negatives[0]), delta, confidence)
    measurements = (
        Measurement(
            "epsilon of the worst row, lower bound", float(bounds.max()), margin=claimed or None, runs=audit.models
        ),
        Measurement("epsilon, 95th percentile of rows", float(np.quantile(bounds, 0.95)), runs=audit.models),
        Measurement("epsilon, mean over rows", float(bounds.mean()), runs=audit.models),
        Measurement("largest resolvable epsilon", resolvable),
        Measurement("AUC of the worst row", float(aucs.max()), runs=audit.models),
        Measurement("AUC, mean over rows", float(aucs.mean()), runs=audit.models),
    )
    if bounds.max() <= claimed:
        return Finding.passed(*measurements)
    return Finding.failed(
        f"the epsilon of row {int(bounds.argmax())} of {rows} is at least {bounds.max():.2f} with confidence {CONFIDENCE:g} "
        f"over all rows, from {audit.models} models (the largest that they resolve is {resolvable:.2f}); claimed is {claimed:g}. "
        "Single rows are remembered, though averages may pass.",
        *measurements,
    )
