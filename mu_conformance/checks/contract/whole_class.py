"""contract.whole-class"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import Laboratory, LabRequest


@check("contract.whole-class", Subject.LABORATORY, needs=("classes",))
def whole_class(laboratory: Laboratory) -> Finding:
    """A request to forget every row of a class is served: a usable model comes back.

    The retain set then lacks that class. Usual causes of failure: class weights or sampling that divide by its count.
    """
    chosen = laboratory.strata == laboratory.strata[0]
    request = LabRequest(tuple(map(int, np.flatnonzero(chosen))), tuple(map(int, np.flatnonzero(~chosen))))
    _, unusable = laboratory.usable(request)
    return unusable or Finding.passed()
