"""biography"""

from mu_conformance.suites.language_model import LanguageModelSuite


class TestBiography(LanguageModelSuite):
    task = "biography"
