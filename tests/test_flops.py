"""FLOPs by hand: a product of [n, k] and [k, m] is 2 n k m."""

from __future__ import annotations

import _thread
import os
import threading

import linear_task
import pytest
import torch
from torch import nn
from torch.nn import functional

from mu_conformance.conditions.flops import OverBudget, counted, flops_left, metered
from mu_conformance.conditions.shards import ShardedEnsemble
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.training.loop import fit

A, B = torch.randn(3, 5), torch.randn(5, 7)
PRODUCT = 2 * 3 * 5 * 7


class TestCounted:
    def test_a_product(self):
        assert counted(lambda: A @ B) == PRODUCT
        assert counted(lambda: [A @ B, A @ B]) == 2 * PRODUCT
        assert counted(lambda: A + 1) == 0

    def test_forwards_and_backwards_through_a_layer(self):
        # forwards one product; backwards one for the weights and, where the input needs it, one for the input
        layer, rows = nn.Linear(5, 7), torch.randn(3, 5)
        assert counted(lambda: layer(rows).sum().backward()) == 2 * PRODUCT
        assert counted(lambda: layer(rows.requires_grad_()).sum().backward()) == 3 * PRODUCT

    def test_a_convolution(self):
        # 2 * 4 * 4 places of the output, 3 channels of 5 * 5 pixels in, 6 out
        layer = nn.Conv2d(3, 6, 5, padding=2)
        assert counted(lambda: layer(torch.randn(2, 3, 4, 4))) == 2 * (2 * 4 * 4) * (3 * 5 * 5) * 6

    def test_attention_is_its_two_products(self):
        q = torch.randn(2, 4, 6, 8)
        expected = 2 * (2 * 2 * 4 * 6 * 6 * 8)
        assert counted(lambda: functional.scaled_dot_product_attention(q, q, q)) == expected
        # backwards: the scores again, and four products for the gradients of them and of query, key and value
        q.requires_grad_()
        both = counted(lambda: functional.scaled_dot_product_attention(q, q, q).sum().backward())
        assert both == expected + 5 * expected // 2

    def test_products_with_a_vector(self):
        assert counted(lambda: A @ B[:, 0]) == 2 * 3 * 5
        assert counted(lambda: torch.addmv(A[:, 0], A, B[:, 0])) == 2 * 3 * 5
        assert counted(lambda: A[0] @ B[:, 0]) == 2 * 5

    def test_operations_that_are_made_of_others(self):
        assert counted(lambda: functional.linear(A, B.T)) == PRODUCT
        assert counted(lambda: torch.einsum("ij,jk->ik", A, B)) == PRODUCT


class TestLimit:
    def test_it_stops_at_the_operation_that_goes_past_it(self):
        done = []

        def multiply():
            with metered(2 * PRODUCT - 1):
                for _ in range(5):
                    A @ B
                    done.append(1)

        with pytest.raises(OverBudget, match=r"^stopped at 420 FLOPs, with a budget of 419$"):
            multiply()
        assert len(done) == 1

    def test_exactly_the_limit_is_within_it(self):
        with metered(PRODUCT) as meter:
            A @ B
        assert meter.total == PRODUCT

    def test_code_that_goes_on_is_stopped_again_and_it_shows(self):
        caught = 0
        with metered(PRODUCT) as meter:
            for _ in range(3):
                try:
                    A @ B
                except BaseException:
                    caught += 1
        assert caught == 2
        assert meter.total == 3 * PRODUCT

    def test_it_is_no_exception(self):
        assert not issubclass(OverBudget, Exception)


class TestWhereTorchDoesNotCount:
    def test_threads_count_too(self):
        with metered() as meter:
            thread = threading.Thread(target=lambda: A @ B)
            thread.start()
            thread.join()
            done = threading.Event()
            _thread.start_new_thread(lambda: (A @ B, done.set()), ())
            done.wait(10)
        assert meter.total == 2 * PRODUCT

    def test_threads_are_stopped_too(self):
        seen = []

        def run():
            try:
                A @ B
                A @ B
            except BaseException as error:
                seen.append(type(error))

        with metered(PRODUCT):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
        assert seen == [OverBudget]

    def test_forked_processes_count_too(self):
        with metered() as meter:
            pid = os.fork()
            if pid == 0:
                A @ B
                os._exit(0)
            os.waitpid(pid, 0)
            A @ B
        assert meter.total == 2 * PRODUCT

    def test_afterwards_nothing_is_counted(self):
        start = _thread.start_new_thread
        with metered() as meter:
            assert _thread.start_new_thread is not start
        A @ B
        assert meter.total == 0
        assert _thread.start_new_thread is threading._start_new_thread is start


class TestWithinABudget:
    RECIPE = TrainingRecipe(epochs=10, batch_size=4, learning_rate=0.1, weight_decay=0.0)
    # a step on 4 rows: logits forwards and the weights' gradient backwards, each a product of [4, 2] and [2, 3]
    STEP = 2 * (2 * 4 * 2 * 3)

    def steps(self, recipe: TrainingRecipe, limit: float | None, rows: int = 8) -> tuple[int, int]:
        """How many steps were taken, and FLOPs."""
        taken = []
        with metered(limit) as meter:
            fit(linear_task.Linear(), linear_task.rows_of(rows), linear_task.TASK, recipe, 0, after_step=taken.append)
        return len(taken), meter.total

    @pytest.mark.parametrize(("limit", "count"), [(None, 20), (1e9, 20), (7.5 * STEP, 7), (7 * STEP, 7), (STEP, 1)])
    def test_a_shortened_recipe_takes_the_steps_that_there_is_room_for(self, limit, count):
        assert self.steps(self.RECIPE.within_budget(), limit) == (count, count * self.STEP)

    def test_any_other_recipe_goes_on_and_is_stopped(self):
        with pytest.raises(OverBudget):
            self.steps(self.RECIPE, 7 * self.STEP)

    def test_less_than_a_step_is_stopped(self):
        with pytest.raises(OverBudget):
            self.steps(self.RECIPE.within_budget(), 0.9 * self.STEP)

    def test_the_schedule_ends_where_the_steps_do(self):
        # the last of n steps of a linear schedule has rate 0.1 / n
        rates = []
        recipe = self.RECIPE.within_budget()
        object.__setattr__(recipe, "rate", lambda step, total: rates.append((step, total)) or 0.1)
        self.steps(recipe, 7 * self.STEP)
        assert rates[0] == (0, 20)
        assert rates[1:] == [(step, 7) for step in range(1, 7)]

    def test_members_of_an_ensemble_get_equal_parts(self):
        model = ShardedEnsemble([linear_task.Linear(), linear_task.Linear()])
        taken = []
        with metered(8 * self.STEP) as meter:
            rows = linear_task.rows_of(64)
            fit(model, rows, linear_task.TASK, self.RECIPE.within_budget(), 0, after_step=taken.append)
        # after_step counts from 1 in each member
        starts = [at for at, step in enumerate(taken) if step == 1]
        assert len(starts) == 2
        assert abs(starts[1] - (len(taken) - starts[1])) <= 1
        assert meter.total <= 8 * self.STEP

    def test_what_is_left_is_of_the_innermost_limit(self):
        assert flops_left() is None
        with metered(1000):
            A @ B
            assert flops_left() == 1000 - PRODUCT
            with metered(500), metered():
                assert flops_left() == 500
            assert flops_left() == 1000 - PRODUCT
        assert flops_left() is None
