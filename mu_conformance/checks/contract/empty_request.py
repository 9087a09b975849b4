"""contract.empty-request"""

from __future__ import annotations

from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import Laboratory, LabRequest


@check("contract.empty-request", Subject.LABORATORY)
def empty_request(laboratory: Laboratory) -> Finding:
    """A request to forget nothing is served: a usable model comes back.

    Requests are filtered and split before they arrive; an empty one must not crash the service.
    """
    _, unusable = laboratory.usable(LabRequest(forget=(), retain=tuple(range(len(laboratory.pool)))))
    return unusable or Finding.passed()
