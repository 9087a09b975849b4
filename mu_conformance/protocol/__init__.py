"""Define the protocol between the suite and a method: what a method is handed, and what it promises.

A method is anything with ``unlearn(model, request) -> model``::

    class MyUnlearner:
        claims = Claims(needs_retain=False)

        def unlearn(self, model, request):
            ...
            return model
"""

from mu_conformance.protocol.claims import Claims, Guarantee
from mu_conformance.protocol.recipe import BudgetedRecipe, TrainingRecipe
from mu_conformance.protocol.request import Budget, DeletionRequest, RequestTask, Unlearner

__all__ = [
    "Budget",
    "BudgetedRecipe",
    "Claims",
    "DeletionRequest",
    "Guarantee",
    "RequestTask",
    "TrainingRecipe",
    "Unlearner",
]
