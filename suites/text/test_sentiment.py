"""sentiment"""

from mu_conformance.suites.classification import ClassificationSuite


class TestSentiment(ClassificationSuite):
    task = "sentiment"
