"""Read more rows than the request's budget allows."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["ExceedsBudget"]


class ExceedsBudget:
    """Retrains exactly, after reading as many rows as the budget has, and up to a data set's worth more."""

    caught_by = "contract.budget-respected"

    def unlearn(self, model, request):
        rows = range(len(request.retain))
        for _ in range((request.budget.examples or 0) // max(1, len(rows)) + 1):
            request.retain.batch(rows)
        return Retrain().unlearn(model, request)
