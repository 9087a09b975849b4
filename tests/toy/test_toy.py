from toy_task import ToyTask

from mu_conformance.suites.classification import ClassificationSuite


class TestToy(ClassificationSuite):
    task = ToyTask
