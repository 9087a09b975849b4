"""SCRUB and DELETE on texts, where a label is a token: the language model's own task, a few rows and steps."""

from __future__ import annotations

import dataclasses

import linear_task
import pytest
import torch

from mu_conformance.isolation.child import RequestRows
from mu_conformance.methods import DELETE, SCRUB
from mu_conformance.protocol.claims import Claims
from mu_conformance.tasks import TaskView, registry
from mu_conformance.training.loop import fit


@pytest.fixture(scope="module", params=["biography", "summarization"])
def request_and_original(request):
    """A request to forget 4 of 24 texts, and a model that was trained on all of them."""
    task = registry.find_task(request.param)
    recipe = dataclasses.replace(task.recipe, epochs=15, batch_size=8)
    rows = task.splits.train.select(range(24))
    model = fit(task.new_model(0), rows, task, recipe, 0)
    names = tuple(rows.columns)
    asked = dataclasses.replace(
        linear_task.request_of(linear_task.rows_of(1), linear_task.rows_of(1)),
        forget=RequestRows(rows.select(range(4)), names),
        retain=RequestRows(rows.select(range(4, 24)), names),
        task=TaskView(task, task.architectures[0]),
        recipe=recipe,
    )
    return asked, model, rows


def likelihoods(request, model, rows) -> tuple[float, float]:
    """The mean log-likelihood of the forget rows and of the retain rows."""
    with torch.no_grad():
        found = request.task.log_likelihood(model, rows.columns)
    return found[:4].mean().item(), found[4:].mean().item()


def test_scrub_moves_the_forget_texts_and_mends_the_others(request_and_original):
    request, model, rows = request_and_original
    found = SCRUB(max_epochs=3, epochs_share=0.5, learning_rate_share=0.3).unlearn(model, request)
    before, after = (likelihoods(request, one, rows) for one in (model, found))
    assert after[0] - before[0] < after[1] - before[1]


def test_delete_takes_the_label_tokens_probability(request_and_original):
    request, model, rows = request_and_original
    found = DELETE(epochs=10, learning_rate_share=0.1).unlearn(model, dataclasses.replace(request, retain=None))
    assert likelihoods(request, found, rows)[0] < likelihoods(request, model, rows)[0] - 1


@pytest.mark.parametrize("method", [SCRUB, DELETE])
def test_they_are_claimed_where_labels_have_a_likelihood(method):
    claims: Claims = method.claims
    covered = {
        task.name
        for task in map(registry.find_task, registry.task_names())
        if claims.covers(task.name, task.modality, task.features)
    }
    assert covered == set(registry.task_names()) - {"text_to_image"}
