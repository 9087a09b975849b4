"""SCRUB and Bad Teaching on a linear model of a few rows."""

from __future__ import annotations

import copy
import dataclasses

import linear_task
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from mu_conformance.methods import SCRUB, BadTeaching
from mu_conformance.methods.parts.distillation import kl_divergence
from mu_conformance.protocol.recipe import TrainingRecipe

RECIPE = TrainingRecipe(10, 4, 0.05, weight_decay=0.0)
NEARBY = 1e-4
"""Nats. Where the gradient is 0 but for rounding, AdamW's steps are small and in no direction."""


def request_of(forget: int, retain: int, recipe: TrainingRecipe = RECIPE):
    request = linear_task.request_of(linear_task.rows_of(forget), linear_task.rows_of(retain))
    return dataclasses.replace(request, recipe=recipe)


def original():
    return linear_task.TASK.new_model(5)


def divergence(teacher, student, rows) -> float:
    with torch.no_grad():
        return kl_divergence(*(linear_task.TASK.logits(model, rows.columns) for model in (teacher, student))).item()


def steps_of(call) -> int:
    """How many optimiser steps a call takes."""
    taken = []
    hook = register_optimizer_step_post_hook(lambda *_: taken.append(1))
    try:
        call()
    finally:
        hook.remove()
    return len(taken)


class TestSCRUB:
    # 3 epochs (0.3 of 10) over 9 retain rows in batches of 4: 3 steps each; 5 forget rows: 2 steps
    @pytest.mark.parametrize(("max_epochs", "steps"), [(0, 9), (1, 11), (2, 13), (3, 15), (7, 15)])
    def test_its_steps_are_the_passes_that_it_states(self, max_epochs, steps):
        request = request_of(5, 9)
        assert steps_of(lambda: SCRUB(max_epochs=max_epochs).unlearn(original(), request)) == steps

    def test_without_max_steps_and_labels_it_stays_where_it_was(self):
        model = original()
        found = SCRUB(gamma=0.0, max_epochs=0).unlearn(model, request_of(5, 9))
        assert divergence(model, found, linear_task.rows_of(9)) < NEARBY

    def test_max_steps_move_the_forget_rows_away_from_the_original(self):
        model, rows = original(), linear_task.rows_of(6)
        request = request_of(6, 0)
        found = SCRUB(max_epochs=10, epochs_share=1.0, learning_rate_share=1.0).unlearn(model, request)
        assert divergence(model, found, rows) > 100 * NEARBY

    def test_the_original_is_left_alone(self):
        model = original()
        before = copy.deepcopy(model.state_dict())
        SCRUB().unlearn(model, request_of(5, 9))
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert all(parameter.requires_grad for parameter in model.parameters())

    def test_a_negative_number_of_max_epochs_is_refused(self):
        with pytest.raises(ValueError, match="max_epochs must be at least 0, got -1"):
            SCRUB(max_epochs=-1)


class TestBadTeaching:
    def test_with_nothing_to_forget_it_stays_where_it_was(self):
        model = original()
        found = BadTeaching().unlearn(model, request_of(0, 9))
        assert divergence(model, found, linear_task.rows_of(9)) < NEARBY

    def test_forget_rows_are_drawn_to_a_model_that_was_never_trained(self):
        request, model = request_of(6, 0, dataclasses.replace(RECIPE, epochs=200)), original()
        found = BadTeaching(epochs_share=1.0, learning_rate_share=1.0).unlearn(model, request)
        rows, untrained = linear_task.rows_of(6), linear_task.TASK.new_model(request.seed)
        assert divergence(untrained, found, rows) < 0.1 * divergence(untrained, model, rows)

    # 0.3 of 10 rows and 4 forget rows, in batches of 4, for 3 epochs
    @pytest.mark.parametrize(("share", "steps"), [(0.3, 6), (1.0, 12), (0.01, 6)])
    def test_a_share_of_the_retain_rows_takes_part(self, share, steps):
        request = request_of(4, 10)
        assert steps_of(lambda: BadTeaching(retain_share=share).unlearn(original(), request)) == steps
        assert (request.retain.reads > 0).sum() == max(1, round(share * 10))
        assert (request.forget.reads > 0).all()

    def test_it_reads_no_labels(self):
        assert not BadTeaching.claims.reads_labels

    @pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
    def test_a_share_outside_its_range_is_refused(self, share):
        with pytest.raises(ValueError, match=r"retain_share must lie in \(0, 1\]"):
            BadTeaching(retain_share=share)
