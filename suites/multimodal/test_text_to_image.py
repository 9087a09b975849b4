"""text_to_image"""

from mu_conformance.suites.diffusion import DiffusionSuite


class TestTextToImage(DiffusionSuite):
    task = "text_to_image"
