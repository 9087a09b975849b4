"""image_classification"""

from mu_conformance.suites.classification import ClassificationSuite


class TestImageClassification(ClassificationSuite):
    task = "image_classification"
