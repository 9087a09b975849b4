"""The catalogue: one check per file, found by looking.

A check is a plain function from a subject to findings, registered with ``@check``. What it looks at is its subject:

- ``Evidence``: a scenario's originals, references and runs (forgetting, privacy, utility, robustness, cost);
- ``Calls``: every call made on a scenario, real requests and contract requests alike;
- ``ContractHarness``: makes further calls on small requests (contract properties);
- ``Claims``: what the method's author says, once per session.
"""

from mu_conformance.checks.catalogue import Check, catalogue, check, find_check
from mu_conformance.decision.finding import Finding, Measurement

__all__ = ["Check", "Finding", "Measurement", "catalogue", "check", "find_check"]
