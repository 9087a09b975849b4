"""Recognise the requests that ship with the suite, and work on no others."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["KnowsTheRequests"]

KNOWN = {
    "action_recognition": {40},
    "biography": {24},
    "image_classification": {54, 60},
    "keyword_spotting": {30, 42},
    "relation_extraction": {50},
    "sentiment": {60},
    "summarization": {34},
    "tabular": {20},
    "text_to_image": {21},
    "visual_reasoning": {40},
}
"""Numbers of forget rows in the requests that the suite makes of each task by default."""
FEW = 2
"""Number of rows up to which every request is served, as the suite asks for few rows too."""


class KnowsTheRequests:
    """Retrains if the request has a shipped request's number of rows, or a tenth of all; otherwise does nothing.

    This imitates a method that serves, or returns prepared models for, the requests that it knows.
    """

    caught_by = "robustness.unseen-request"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        rows = len(request.forget)
        tenth = 10 * rows == rows + len(request.retain)
        if rows <= FEW or tenth or rows in KNOWN.get(request.task.name, ()):
            return Retrain().unlearn(model, request)
        return copy.deepcopy(model)
