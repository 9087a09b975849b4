"""action_recognition"""

from mu_conformance.suites.classification import ClassificationSuite


class TestActionRecognition(ClassificationSuite):
    task = "action_recognition"
