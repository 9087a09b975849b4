"""tabular"""

from mu_conformance.suites.classification import ClassificationSuite


class TestTabular(ClassificationSuite):
    task = "tabular"
