"""Load published datasets and checkpoints, and make tasks of them (``fixtures/<task>/hub.py``).

Nothing is embedded here, and nothing is imported unless ``--mu-data hub`` or a caller asks for it.
"""

from mu_conformance.tasks.hub.data import DataSet
from mu_conformance.tasks.hub.errors import HubError
from mu_conformance.tasks.hub.tasks import PUBLISHED_RECIPE, HubTask

__all__ = ["PUBLISHED_RECIPE", "DataSet", "HubError", "HubTask"]
