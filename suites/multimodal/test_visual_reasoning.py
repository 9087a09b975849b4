"""visual_reasoning"""

from mu_conformance.suites.classification import ClassificationSuite


class TestVisualReasoning(ClassificationSuite):
    task = "visual_reasoning"
