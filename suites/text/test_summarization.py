"""summarization"""

from mu_conformance.suites.generation import GenerationSuite


class TestSummarization(GenerationSuite):
    task = "summarization"
