"""NPO and SimNPO, by hand, and the log-likelihoods that they rest on."""

from __future__ import annotations

import dataclasses
import math

import linear_task
import pytest
import torch

from mu_conformance.methods import NPO, SimNPO
from mu_conformance.methods.parts.preference import npo, simnpo
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import TaskError, registry
from mu_conformance.tasks.tokens import IGNORED, log_likelihood


def gradient(loss, values: list[float]) -> list[float]:
    at = torch.tensor(values, requires_grad=True)
    loss(at).backward()
    return at.grad.tolist()


class TestNPO:
    @pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
    def test_at_the_original_it_is_two_logs_of_two_over_beta_and_ascends_as_gradient_ascent(self, beta):
        known = torch.tensor([-0.1, -3.0])
        assert npo(known, known, beta).item() == pytest.approx(2 * math.log(2) / beta, rel=1e-6)
        assert gradient(lambda at: npo(at, known, beta), [-0.1, -3.0]) == pytest.approx([0.5, 0.5], rel=1e-5)

    def test_by_hand(self):
        """Three times as likely as it was, beta 1: 2 ln(1 + 3), and 2 * 3 / 4 of gradient ascent."""
        known = torch.tensor([math.log(0.2)])
        assert npo(torch.tensor([math.log(0.6)]), known, 1.0).item() == pytest.approx(2 * math.log(4), rel=1e-6)
        assert gradient(lambda at: npo(at, known, 1.0), [math.log(0.6)]) == pytest.approx([1.5], rel=1e-5)

    def test_small_beta_is_gradient_ascent(self):
        known = torch.tensor([-1.0, -2.0, -5.0, 0.0])
        found = gradient(lambda at: npo(at, known, 1e-5), [-0.1, -9.0, -5.0, -40.0])
        assert found == pytest.approx([0.25] * 4, rel=1e-3)

    def test_a_row_that_is_forgotten_pulls_no_more(self):
        assert gradient(lambda at: npo(at, torch.tensor([-1.0]), 1.0), [-50.0]) == pytest.approx([0], abs=1e-12)

    def test_each_row_has_its_own_reference(self):
        found = npo(torch.tensor([0.0, -1.0]), torch.tensor([-1.0, 0.0]), 2.0).item()
        assert found == pytest.approx((math.log1p(math.exp(2)) + math.log1p(math.exp(-2))) / 2, rel=1e-6)


class TestSimNPO:
    def test_by_hand(self):
        """Log-probability -6 of 3 tokens, beta 2: -2 / 2 * log sigmoid(4); with gamma 1, log sigmoid(3)."""
        log_p, lengths = torch.tensor([-6.0]), torch.tensor([3])
        assert simnpo(log_p, lengths, 2.0).item() == pytest.approx(math.log1p(math.exp(-4)), rel=1e-5)
        assert simnpo(log_p, lengths, 2.0, 1.0).item() == pytest.approx(math.log1p(math.exp(-3)), rel=1e-5)

    def test_a_long_answer_counts_as_a_short_one_that_is_as_likely_a_token(self):
        one, long = (
            simnpo(torch.tensor([-2.0]), torch.tensor([1]), 1.5),
            simnpo(torch.tensor([-20.0]), torch.tensor([10]), 1.5),
        )
        assert one.item() == pytest.approx(long.item(), rel=1e-6)


@pytest.mark.parametrize("loss", [npo, simnpo])
@pytest.mark.parametrize("shapes", [((2,), (3,)), ((0,), (0,)), ((2, 1), (2, 1))])
def test_losses_of_what_is_not_a_number_a_row_are_refused(loss, shapes):
    with pytest.raises(ValueError, match="a number for each row is needed"):
        loss(*(torch.zeros(shape) for shape in shapes), 1.0)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan])
def test_beta_is_positive(beta):
    for refused in (
        lambda: npo(torch.zeros(1), torch.zeros(1), beta),
        lambda: NPO(beta=beta),
        lambda: SimNPO(beta=beta),
    ):
        with pytest.raises(ValueError, match="beta must be positive"):
            refused()


def test_the_log_likelihood_of_a_text_is_the_sum_over_its_tokens():
    """Tokens of probability 1/2, 1/4 (of four) and one that does not count."""
    logits = torch.log(torch.tensor([[[0.5, 0.5, 1e-30, 1e-30], [0.25] * 4, [1.0, 1e-30, 1e-30, 1e-30]]]))
    labels = torch.tensor([[1, 3, IGNORED]])
    assert log_likelihood(logits, labels).item() == pytest.approx(math.log(1 / 8), rel=1e-6)


@pytest.mark.parametrize("name", sorted(registry.tasks()))
def test_log_likelihoods_agree_with_the_losses_that_are_measured(name):
    task = registry.find_task(name)
    few, model = task.splits.train.select(range(6)), task.new_model(3)
    if "likelihood" not in task.features:
        with pytest.raises(TaskError, match=f"task {name} has no labels whose likelihood"):
            task.log_likelihood(model, few.columns)
        return
    with torch.no_grad():
        found = task.log_likelihood(model, few.columns) / task.answer_lengths(few.columns)
    kept = {key: value.numpy() for key, value in task.outputs(model, few, brief=True).items()}
    assert (-found).tolist() == pytest.approx(task.losses(kept, few).tolist(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("method", [NPO, SimNPO])
class TestMethods:
    def request_of(self, forget: int, retain: int):
        request = linear_task.request_of(linear_task.rows_of(forget), linear_task.rows_of(retain))
        return dataclasses.replace(request, recipe=TrainingRecipe(10, 4, 0.05))

    def test_the_forget_rows_become_less_likely(self, method):
        model, request = linear_task.TASK.new_model(5), self.request_of(6, 0)
        found, rows = method(learning_rate_share=1.0).unlearn(model, request), linear_task.rows_of(6).columns
        before, after = (linear_task.TASK.log_likelihood(m, rows).exp().mean().item() for m in (model, found))
        assert after < before

    def test_with_nothing_to_forget_nothing_is_done(self, method):
        model = linear_task.TASK.new_model(5)
        found = method().unlearn(model, self.request_of(0, 9))
        assert found is not model
        assert all(torch.equal(value, found.state_dict()[name]) for name, value in model.state_dict().items())

    def test_retain_rows_are_read_beside_forget_rows(self, method):
        # two batches of four forget rows, ten times over; each with a batch of the nine retain rows (three, of three)
        request = self.request_of(8, 9)
        method().unlearn(linear_task.TASK.new_model(5), request)
        assert request.forget.reads.tolist() == [10] * 8
        assert request.retain.reads.sum() == 20 * 3
        alone = self.request_of(8, 9)
        method(retain_weight=0.0).unlearn(linear_task.TASK.new_model(5), alone)
        assert alone.retain.reads.sum() == 0
