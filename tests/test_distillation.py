"""Divergences of students from teachers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.methods.parts.distillation import kl_divergence, teacher_of

quick = settings(deadline=None, max_examples=60, database=None)
numbers = st.floats(-20, 20, width=32)


def logits(rows: int, classes: int):
    row = st.lists(numbers, min_size=classes, max_size=classes)
    return st.lists(row, min_size=rows, max_size=rows).map(torch.tensor)


pairs = st.tuples(st.integers(1, 4), st.integers(2, 5)).flatmap(lambda size: st.tuples(logits(*size), logits(*size)))


def test_by_hand():
    """Teacher (1/2, 1/2), student (3/4, 1/4): 1/2 ln(2/3) + 1/2 ln 2.

    At T = 2 the student is (sqrt 3, 1) / (1 + sqrt 3).
    """
    teacher, student = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])
    assert kl_divergence(teacher, student).item() == pytest.approx(0.5 * math.log(4 / 3), rel=1e-6)
    total = 1 + math.sqrt(3)
    softened = 0.5 * math.log(total / 2 / math.sqrt(3)) + 0.5 * math.log(total / 2)
    assert kl_divergence(teacher, student, 2.0).item() == pytest.approx(4 * softened, rel=1e-5)


def test_it_is_the_mean_over_rows_whatever_their_shape():
    teacher, student = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1)), torch.zeros(2, 3, 4)
    rows = [kl_divergence(t[None], s[None]) for t, s in zip(teacher.flatten(0, 1), student.flatten(0, 1), strict=True)]
    assert kl_divergence(teacher, student).item() == pytest.approx(torch.stack(rows).mean().item(), rel=1e-5)


@quick
@given(pairs, numbers)
def test_it_is_not_negative_zero_at_equality_and_blind_to_a_constant(pair, constant):
    teacher, student = pair
    found = kl_divergence(teacher, student).item()
    assert found >= -1e-6
    assert kl_divergence(teacher, teacher).item() == pytest.approx(0, abs=1e-6)
    assert kl_divergence(teacher + constant, student - constant).item() == pytest.approx(found, rel=1e-3, abs=1e-4)


def test_the_gradient_is_the_difference_of_the_distributions():
    teacher = torch.tensor([[1.0, 2.0, 0.0]])
    student = torch.tensor([[0.0, 1.0, 3.0]], requires_grad=True)
    kl_divergence(teacher, student).backward()
    assert torch.allclose(student.grad, student.detach().softmax(1) - teacher.softmax(1), atol=1e-6)


@pytest.mark.parametrize(("teacher", "student"), [((2, 3), (2, 4)), ((3,), (3,)), ((0, 3), (0, 3))])
def test_logits_that_do_not_match_are_refused(teacher, student):
    with pytest.raises(ValueError, match=r"teacher and student must give logits \[n, k\]"):
        kl_divergence(torch.zeros(teacher), torch.zeros(student))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_is_positive(temperature):
    with pytest.raises(ValueError, match="the temperature must be positive"):
        kl_divergence(torch.zeros(1, 2), torch.zeros(1, 2), temperature)


def test_a_teacher_is_a_copy_that_stays_as_it_is():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5)).train()
    teacher = teacher_of(model)
    model[0].weight.data.zero_()
    assert teacher[0].weight.abs().sum() > 0
    assert not teacher.training
    assert model.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
