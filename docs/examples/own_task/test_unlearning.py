"""The whole suite on the company's own task: ``pytest test_unlearning.py --method acme_unlearning:AcmeRetrain``."""

from acme_unlearning import ChurnTask
from mu_conformance.suites.classification import ClassificationSuite


class TestChurn(ClassificationSuite):
    task = ChurnTask
