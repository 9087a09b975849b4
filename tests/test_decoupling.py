"""The teacher without the label's class, and the divergence from it."""

from __future__ import annotations

import math

import pytest
import torch

from mu_conformance.methods.parts.decoupling import decoupled_divergence, masked_teacher

LOG = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))
FIRST = torch.tensor([0])


class TestMaskedTeacher:
    def test_the_other_classes_are_a_distribution_by_hand(self):
        # 0.5, 0.3, 0.2 without the first: 0.3 / 0.5 and 0.2 / 0.5
        assert masked_teacher(LOG, FIRST).exp()[0].tolist() == pytest.approx([0.0, 0.6, 0.4])
        assert masked_teacher(LOG, torch.tensor([2])).exp()[0].tolist() == pytest.approx([0.625, 0.375, 0.0])

    def test_each_row_has_its_own_label_and_the_logits_are_left_alone(self):
        logits = torch.zeros(3, 3)
        found = masked_teacher(logits, torch.tensor([2, 0, 1])).exp().tolist()
        assert found == [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]
        assert torch.equal(logits, torch.zeros(3, 3))

    @pytest.mark.parametrize(
        ("logits", "labels"),
        [
            (torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64)),
            (torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)),
            (torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64)),
            (torch.zeros(2, 4, 3), torch.zeros(2, dtype=torch.int64)),
        ],
        ids=["one class", "no rows", "labels of other rows", "texts"],
    )
    def test_other_shapes_are_refused(self, logits, labels):
        with pytest.raises(ValueError, match=r"logits \[n, k\] of two classes or more and labels \[n\] are needed"):
            masked_teacher(logits, labels)


class TestDecoupledDivergence:
    def test_three_classes_by_hand(self):
        # teacher (0, 0.6, 0.4) against the student (0.2, 0.4, 0.4): 0.6 ln(0.6 / 0.4) + 0.4 ln(0.4 / 0.4)
        student = torch.log(torch.tensor([[0.2, 0.4, 0.4]]))
        assert decoupled_divergence(LOG, student, FIRST).item() == pytest.approx(0.6 * math.log(1.5), abs=1e-6)

    def test_the_original_is_off_by_what_the_label_had(self):
        # theta = original: the others' ratios agree, and what is left is -ln(1 - p of the label), here ln 2
        assert decoupled_divergence(LOG, LOG, FIRST).item() == pytest.approx(math.log(2), abs=1e-6)

    def test_it_is_the_mean_over_rows(self):
        both, labels = torch.cat([LOG, LOG]), torch.tensor([0, 2])
        expected = (math.log(2) - math.log(0.8)) / 2
        assert decoupled_divergence(both, both, labels).item() == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize("low", [-1e4, -torch.inf])
    def test_a_student_that_equals_the_masked_teacher_is_at_0_without_nan(self, low):
        student = torch.tensor([[low, math.log(0.6), math.log(0.4)]], requires_grad=True)
        found = decoupled_divergence(LOG, student, FIRST)
        found.backward()
        assert found.item() == pytest.approx(0.0, abs=1e-6)
        assert student.grad[0].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)

    def test_a_constant_shift_of_a_row_changes_nothing(self):
        generator = torch.Generator().manual_seed(0)
        teacher, student = torch.randn(5, 4, generator=generator), torch.randn(5, 4, generator=generator)
        labels, shift = torch.tensor([0, 3, 1, 2, 0]), torch.tensor([[3.0], [-7.0], [0.5], [20.0], [0.0]])
        expected = decoupled_divergence(teacher, student, labels).item()
        assert expected > 0
        assert decoupled_divergence(teacher + shift, student, labels).item() == pytest.approx(expected, abs=1e-5)
        assert decoupled_divergence(teacher, student + shift, labels).item() == pytest.approx(expected, abs=1e-5)

    def test_the_labels_own_logit_in_the_teacher_does_not_count(self):
        other = LOG.clone()
        other[0, 0] = 50.0
        student = torch.zeros(1, 3)
        expected = decoupled_divergence(LOG, student, FIRST).item()
        assert decoupled_divergence(other, student, FIRST).item() == pytest.approx(expected, abs=1e-6)

    def test_the_gradient_is_the_students_probabilities_less_the_teachers(self):
        student = torch.log(torch.tensor([[0.2, 0.4, 0.4]])).requires_grad_()
        decoupled_divergence(LOG, student, FIRST).backward()
        assert student.grad[0].tolist() == pytest.approx([0.2, -0.2, 0.0], abs=1e-6)

    def test_logits_of_different_shapes_are_refused(self):
        with pytest.raises(ValueError, match=r"teacher and student must give logits \[n, k\]"):
            decoupled_divergence(torch.zeros(1, 3), torch.zeros(1, 4), FIRST)
