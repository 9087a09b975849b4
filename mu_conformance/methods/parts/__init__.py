"""Hold the parts shared by several methods. A method's own file is in ``mu_conformance.methods``."""
