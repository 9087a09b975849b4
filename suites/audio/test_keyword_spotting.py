"""keyword_spotting"""

from mu_conformance.suites.classification import ClassificationSuite


class TestKeywordSpotting(ClassificationSuite):
    task = "keyword_spotting"
