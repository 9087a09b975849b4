"""Claims, recipes, budgets and the seeds that a request carries."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import random
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mu_conformance
from mu_conformance import protocol
from mu_conformance.protocol.claims import Claims, Guarantee
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget, DeletionRequest, Unlearner
from mu_conformance.protocol.seeding import derive_seed, seeded

quick = settings(deadline=None, max_examples=60, database=None)
names = st.lists(st.text("abcxyz_", min_size=1, max_size=5), max_size=3).map(tuple)


class TestClaims:
    def test_no_claims_means_retrain_equivalent_everywhere_up_to_a_tenth(self):
        claims = Claims()
        assert claims.guarantee is Guarantee.RETRAIN_EQUIVALENT
        assert claims.max_ratio == 0.10
        assert claims.needs_retain
        assert claims.deterministic
        assert not claims.in_place
        assert claims.covers("any task", "any modality")

    def test_a_guarantee_may_be_given_by_name(self):
        assert Claims(guarantee="exact").guarantee is Guarantee.EXACT

    def test_an_unknown_guarantee_names_the_choices(self):
        with pytest.raises(ValueError, match=r"unknown guarantee 'perfect'.*suppression, retrain_equivalent"):
            Claims(guarantee="perfect")

    @pytest.mark.parametrize("ratio", [0.0, -0.1, 1.0001, float("nan"), float("inf")])
    def test_a_ratio_outside_its_range_is_refused(self, ratio):
        with pytest.raises(ValueError, match=r"max_ratio must lie in \(0, 1\]"):
            Claims(max_ratio=ratio)

    def test_the_largest_ratio_is_allowed(self):
        assert Claims(max_ratio=1).max_ratio == 1

    @pytest.mark.parametrize("field", ["tasks", "modalities"])
    def test_a_string_where_a_tuple_of_names_belongs_is_refused(self, field):
        with pytest.raises(ValueError, match=rf"claims\.{field} must be a tuple of names, not the string 'text'"):
            Claims(**{field: "text"})

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"epsilon": math.nan}, "claims.epsilon must be a finite number of at least 0, got nan"),
            ({"epsilon": math.inf}, "claims.epsilon must be a finite number of at least 0, got inf"),
            ({"epsilon": -0.1}, "claims.epsilon must be a finite number of at least 0, got -0.1"),
            ({"epsilon": True}, "claims.epsilon must be a finite number of at least 0, got True"),
            ({"epsilon": "1"}, "claims.epsilon must be a finite number of at least 0, got '1'"),
            ({"delta": math.nan}, "claims.delta must lie in [0, 1), got nan"),
            ({"delta": 1.0}, "claims.delta must lie in [0, 1), got 1.0"),
            ({"delta": -1e-9}, "claims.delta must lie in [0, 1), got -1e-09"),
        ],
    )
    def test_epsilon_and_delta_are_numbers_that_promise_something(self, given, said):
        with pytest.raises(ValueError, match=re.escape(said)):
            Claims(**{"guarantee": "epsilon_delta", "epsilon": 1.0, "delta": 1e-5, **given})

    @pytest.mark.parametrize("guarantee", ["suppression", "retrain_equivalent", "exact"])
    @pytest.mark.parametrize("given", [{"epsilon": 1.0}, {"delta": 1e-5}, {"epsilon": math.nan}])
    def test_epsilon_and_delta_go_with_their_guarantee_alone(self, guarantee, given):
        with pytest.raises(ValueError, match="goes with the guarantee epsilon_delta alone"):
            Claims(guarantee=guarantee, **given)

    @pytest.mark.parametrize("ratio", [math.nan, math.inf, True, "0.1", None])
    def test_a_ratio_is_a_number(self, ratio):
        with pytest.raises(ValueError, match=r"claims\.max_ratio must lie in"):
            Claims(max_ratio=ratio)

    @pytest.mark.parametrize("given", [{}, {"epsilon": 1.0}, {"delta": 1e-5}])
    def test_epsilon_delta_needs_both_numbers(self, given):
        with pytest.raises(ValueError, match=r"needs claims\.epsilon and claims\.delta"):
            Claims(guarantee="epsilon_delta", **given)
        assert Claims(guarantee="epsilon_delta", epsilon=0.0, delta=0.0).epsilon == 0.0

    def test_guarantees_are_ordered_weakest_first(self):
        order = ["suppression", "retrain_equivalent", "epsilon_delta", "exact"]
        for (i, mine), (j, wanted) in itertools.product(enumerate(order), repeat=2):
            numbers = {"epsilon": 1.0, "delta": 1e-5} if mine == "epsilon_delta" else {}
            claims = Claims(guarantee=mine, **numbers)
            assert claims.at_least(Guarantee(wanted)) == (i >= j), (mine, wanted)

    @pytest.mark.parametrize(
        ("tasks", "modalities", "covered"),
        [
            (None, None, True),
            (("sentiment",), None, True),
            (None, ("text",), True),
            (("sentiment", "tabular"), ("text", "audio"), True),
            (("tabular",), None, False),
            (None, ("audio",), False),
            (("sentiment",), ("audio",), False),
            (("tabular",), ("text",), False),
            ((), None, False),
            (None, (), False),
        ],
    )
    def test_what_they_cover(self, tasks, modalities, covered):
        assert Claims(tasks=tasks, modalities=modalities).covers("sentiment", "text") is covered

    @quick
    @given(
        st.builds(
            Claims,
            guarantee=st.just(Guarantee.EPSILON_DELTA),
            tasks=st.none() | names,
            modalities=st.none() | names,
            max_ratio=st.floats(0, 1, exclude_min=True),
            needs_retain=st.booleans(),
            reads_labels=st.booleans(),
            deterministic=st.booleans(),
            in_place=st.booleans(),
            epsilon=st.floats(0, 10),
            delta=st.floats(0, 1, exclude_max=True),
        )
    )
    def test_they_survive_json(self, claims):
        assert Claims.from_json(json.loads(json.dumps(claims.to_json()))) == claims

    def test_json_of_a_later_version_is_read_as_far_as_it_is_known(self):
        record = {**Claims(tasks=("tabular",)).to_json(), "moon_phase": "full"}
        assert Claims.from_json(record) == Claims(tasks=("tabular",))


class TestTrainingRecipe:
    @pytest.mark.parametrize(
        "wrong", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"learning_rate": -1e-3}, {"epochs": -2}]
    )
    def test_what_is_not_positive_is_refused(self, wrong):
        with pytest.raises(ValueError, match="needs positive epochs, batch size and learning rate"):
            TrainingRecipe(**{"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, **wrong})

    def test_an_unknown_schedule_names_the_choices(self):
        with pytest.raises(ValueError, match=r"unknown schedule 'cosine'; the schedules are linear, constant"):
            TrainingRecipe(1, 8, 1e-3, schedule="cosine")

    def test_training_on_is_shorter_and_slower_and_of_the_same_shape(self):
        recipe = TrainingRecipe(10, 8, 1e-2, weight_decay=0.1, warmup=0.2, gradient_clip=1.0)
        expected = TrainingRecipe(3, 8, 5e-3, weight_decay=0.1, warmup=0.0, gradient_clip=1.0)
        assert recipe.fine_tuning(0.3, 0.5) == expected.within_budget()
        assert recipe.fine_tuning(0.01, 1.0).epochs == 1
        assert dataclasses.replace(recipe, schedule="constant").fine_tuning(1.0, 1.0).schedule == "constant"

    def test_passes_over_the_forget_set(self):
        recipe = TrainingRecipe(10, 8, 1e-2, weight_decay=0.1, warmup=0.2, gradient_clip=None)
        expected = TrainingRecipe(3, 8, 5e-3, weight_decay=0.0, gradient_clip=1.0)
        assert recipe.for_forget_set(3, 0.5) == expected.within_budget()
        assert recipe.for_forget_set(3, 0.5, "constant", None).schedule == "constant"
        assert recipe.for_forget_set(3, 0.5, "constant", None).gradient_clip is None

    def test_linear_schedule_by_hand(self):
        # 10 steps, a fifth of them warm-up: 1/2, 2/2, then 8/8 down to 1/8 of the peak.
        recipe = TrainingRecipe(1, 8, 1.0, warmup=0.2)
        expected = [1 / 2, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]
        assert [recipe.rate(step, 10) for step in range(10)] == pytest.approx(expected)

    def test_constant_schedule_by_hand(self):
        recipe = TrainingRecipe(1, 8, 0.5, schedule="constant", warmup=0.5)
        assert [recipe.rate(step, 4) for step in range(4)] == pytest.approx([0.25, 0.5, 0.5, 0.5])

    @quick
    @given(
        st.integers(1, 300),
        st.floats(0, 0.99),
        st.sampled_from(["linear", "constant"]),
        st.floats(1e-6, 10),
    )
    def test_the_rate_rises_to_its_peak_once_and_never_exceeds_it(self, total, warmup, schedule, peak):
        recipe = TrainingRecipe(1, 8, peak, warmup=warmup, schedule=schedule)
        rates = np.array([recipe.rate(step, total) for step in range(total)])
        assert (rates > 0).all()
        assert rates.max() == pytest.approx(peak)
        assert (rates <= peak * (1 + 1e-12)).all()
        top = int(np.argmax(rates))
        assert (np.diff(rates[: top + 1]) > 0).all()
        assert (np.diff(rates[top:]) <= 1e-12 * peak).all()

    @pytest.mark.parametrize(("rows", "steps"), [(0, 0), (1, 3), (8, 3), (9, 6), (600, 225)])
    def test_steps_by_hand(self, rows, steps):
        # three epochs of ceil(rows / 8) batches
        assert TrainingRecipe(3, 8, 1e-3).steps(rows) == steps


def test_a_budget_is_free_unless_it_says_otherwise():
    assert Budget() == Budget(seconds=None, examples=None)


def _drawn() -> tuple:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


class TestSeeds:
    def test_derived_seeds_are_the_digest_of_their_parts(self):
        # An independent route: SHA-256 of the parts joined by the unit separator, the first 31 bits.
        digest = hashlib.sha256(b"42\x1foriginal\x1f0").hexdigest()
        assert derive_seed(42, "original", 0) == int(digest[:8], 16) % 2**31

    def test_parts_do_not_run_together(self):
        assert len({derive_seed("ab", "c"), derive_seed("a", "bc"), derive_seed("abc"), derive_seed("c", "ab")}) == 4

    @quick
    @given(st.lists(st.integers() | st.text(max_size=5), max_size=4))
    def test_derived_seeds_are_31_bits_as_every_generator_takes_them(self, parts):
        seed = derive_seed(*parts)
        assert 0 <= seed < 2**31

    def test_the_block_depends_on_the_seed_alone(self):
        drawn = []
        for ambient in (1, 2):
            random.seed(ambient)
            np.random.seed(ambient)
            torch.manual_seed(ambient)
            with seeded(7) as generator:
                drawn.append((*_drawn(), torch.rand((), generator=generator)))
        assert drawn[0] == drawn[1]
        with seeded(8):
            assert all(a != b for a, b in zip(_drawn(), drawn[0], strict=False))

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_request_restores_every_global_generator(self, fails):
        request = DeletionRequest(None, None, None, TrainingRecipe(1, 1, 1.0), 5, torch.device("cpu"), Budget())

        def use() -> None:
            with request.seeded() as generator:
                _drawn()
                assert generator.initial_seed() == 5
                if fails:
                    raise KeyError("inside")

        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        expected = _drawn()
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        if fails:
            with pytest.raises(KeyError, match="inside"):
                use()
        else:
            use()
        assert _drawn() == expected


def test_the_protocol_is_the_one_method():
    class Mine:
        def unlearn(self, model, request):
            return model

    assert isinstance(Mine(), Unlearner)
    assert not isinstance(object(), Unlearner)


def test_public_names_are_the_ones_of_their_home_modules():
    for name in ("Budget", "Claims", "DeletionRequest", "Guarantee", "TrainingRecipe", "Unlearner"):
        assert getattr(mu_conformance, name) is getattr(protocol, name)
    assert mu_conformance.Rows is __import__("mu_conformance.tasks", fromlist=["Rows"]).Rows
    assert set(mu_conformance.__all__) == set(dir(mu_conformance))
    with pytest.raises(AttributeError, match="has no attribute 'Claim'"):
        mu_conformance.Claim  # noqa: B018


def test_a_method_that_is_undefined_without_classes_claims_no_task_without_them():
    claims = Claims(requires=("classes",))
    assert claims.covers("sentiment", "text", ("classes",))
    assert not claims.covers("biography", "text", ("facts", "verbatim"))
    assert Claims.from_json(claims.to_json()) == claims
    with pytest.raises(ValueError, match=r"claims.requires must be a tuple"):
        Claims(requires="classes")
