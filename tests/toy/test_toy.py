from mu_conformance.suites.classification import ClassificationSuite
from toy_task import ToyTask


class TestToy(ClassificationSuite):
    task = ToyTask
