"""Provide the catalogue of checks: one check per file, found by import.

A check is a plain function from a subject to a finding, registered with ``@check``. The subjects are:

- ``Evidence``: a scenario's originals, references and runs (forgetting, privacy, utility, robustness, cost);
- ``Calls``: every call made on a scenario, for real requests and contract requests alike;
- ``ContractHarness``: a maker of further calls on small requests (contract properties);
- ``Audit``: many models with random membership, each unlearned (single rows);
- ``Coverage``: the claims of the method's author and the checks required by them, once per session.
"""

from mu_conformance.checks.catalogue import Check, catalogue, check, find_check
from mu_conformance.decision.finding import Finding, Measurement

__all__ = ["Check", "Finding", "Measurement", "catalogue", "check", "find_check"]
