"""relation_extraction"""

from mu_conformance.suites.classification import ClassificationSuite


class TestRelationExtraction(ClassificationSuite):
    task = "relation_extraction"
