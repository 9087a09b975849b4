"""The kinds of forget set, MU-Bench's deletion order among them, and the scenarios made of them."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.scenarios import forget_sets
from mu_conformance.scenarios.forget_sets import ForgetSetError, deletion_order, draw
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scenarios.scenario import Scenario, scenario_names, scenarios
from mu_conformance.tasks import ClassificationTask, Rows, Splits

quick = settings(deadline=None, max_examples=40, database=None)
label_arrays = st.lists(st.integers(-2, 6), min_size=1, max_size=400).map(np.array)
seeds = st.integers(0, 2**31 - 1)

PUBLISHED_IMDB = "af874f352f4137d39d676864ddaa7f692789ea6783b421debf27d2437c2a5e64"
"""SHA-256 of MU-Bench's published list for IMDB: its 2,500 indices in decimal, joined by line feeds."""


def straightforward_order(labels: list[int], rng: np.random.RandomState) -> list[int]:
    """An independent version, from the words of reference/mu-bench.md: one list of untaken rows, no set operations."""
    classes = sorted(set(labels))
    per_class = max(1, (len(labels) // 100) // len(classes))
    taken: list[int] = []
    for _ in range(10):
        increment: list[int] = []
        for wanted in classes:
            untaken = [row for row, label in enumerate(labels) if label == wanted and row not in taken + increment]
            if untaken:
                increment += rng.choice(untaken, min(per_class, len(untaken)), replace=False).tolist()
        short = per_class * len(classes) - len(increment)
        untaken = [row for row in range(len(labels)) if row not in taken + increment]
        if short and untaken:
            increment += rng.choice(untaken, min(short, len(untaken)), replace=False).tolist()
        taken += increment
    return taken


class TestDeletionOrder:
    def test_the_published_imdb_list_is_reproduced(self):
        order = deletion_order(np.repeat([0, 1], 12500), np.random.RandomState(42))
        assert order[:5].tolist() == [1766, 11919, 8909, 4963, 10099]
        assert hashlib.sha256("\n".join(map(str, order)).encode()).hexdigest() == PUBLISHED_IMDB

    @pytest.mark.parametrize(
        ("rows", "classes", "length"),
        # The lengths of MU-Bench's published lists; 10 * C * int(int(N / 100) / C) by hand.
        [(25000, 2, 2500), (86373, 2, 8620), (51094, 12, 5040), (25296, 5, 2500), (50000, 100, 5000)],
    )
    def test_published_lengths(self, rows, classes, length):
        assert len(deletion_order(np.arange(rows) % classes, np.random.RandomState(42))) == length

    @pytest.mark.parametrize("seed", range(5))
    def test_one_row_of_each_class_ascending_by_hand(self, seed):
        # Three rows, three classes: one increment is one row of each class, smallest label first, whatever the seed.
        assert deletion_order(np.array([2, 0, 1]), np.random.RandomState(seed), increments=1).tolist() == [1, 2, 0]

    @pytest.mark.parametrize("seed", range(5))
    def test_a_shortfall_is_filled_by_hand(self, seed):
        # One row a class and increment. The second increment finds class 1 empty and takes both rows that remain.
        order = deletion_order(np.array([0, 0, 0, 1]), np.random.RandomState(seed))
        assert order[1] == 3
        assert sorted(order) == [0, 1, 2, 3]

    def test_the_fill_comes_from_all_classes(self):
        # Two rows a class and increment. Class 2 has one row; from the second increment on, both its places go to rows
        # of the other classes, drawn from all that remain and not from the first class.
        labels = np.array([0] * 300 + [1] * 300 + [2])
        fills = []
        for seed in range(20):
            order = deletion_order(labels, np.random.RandomState(seed))
            increments = labels[order].reshape(10, -1)
            assert increments[0, :5].tolist() == [0, 0, 1, 1, 2]
            assert increments[1:, :4].tolist() == [[0, 0, 1, 1]] * 9
            fills += increments[1:, 4:].ravel().tolist()
        # 360 fills, two classes of nearly equal size: four binomial deviations are 0.105
        assert abs(np.mean(fills) - 0.5) < 0.105

    @quick
    @given(label_arrays, seeds)
    def test_it_agrees_with_the_straightforward_version(self, labels, seed):
        expected = straightforward_order(labels.tolist(), np.random.RandomState(seed))
        assert deletion_order(labels, np.random.RandomState(seed)).tolist() == expected

    @quick
    @given(label_arrays, seeds)
    def test_no_row_twice_and_as_many_as_there_are(self, labels, seed):
        order = deletion_order(labels, np.random.RandomState(seed))
        classes = len(np.unique(labels))
        target = classes * max(1, len(labels) // 100 // classes)
        assert len(order) == min(len(labels), 10 * target)
        assert len(set(order.tolist())) == len(order)
        assert order.dtype == np.int64
        assert set(order.tolist()) <= set(range(len(labels)))

    @quick
    @given(label_arrays, seeds, st.integers(1, 9))
    def test_increments_are_nested(self, labels, seed, few):
        short = deletion_order(labels, np.random.RandomState(seed), increments=few)
        long = deletion_order(labels, np.random.RandomState(seed), increments=10)
        assert long[: len(short)].tolist() == short.tolist()

    @quick
    @given(label_arrays, seeds)
    def test_every_increment_is_balanced_as_far_as_the_rows_go(self, labels, seed):
        order = deletion_order(labels, np.random.RandomState(seed))
        counts = Counter(labels.tolist())
        per_class = max(1, len(labels) // 100 // len(counts))
        size = per_class * len(counts)
        left = Counter(counts)
        for start in range(0, len(order), size):
            increment = Counter(labels[order[start : start + size]].tolist())
            for label in counts:
                assert increment[label] >= min(per_class, left[label])
            if all(left[label] >= per_class for label in counts):
                assert set(increment.values()) == {per_class}
            left -= increment

    @pytest.mark.parametrize("labels", [np.array([]), np.zeros((3, 2)), np.array(4)])
    def test_bad_labels_are_refused(self, labels):
        with pytest.raises(ForgetSetError, match="one-dimensional, non-empty array of labels"):
            deletion_order(labels, np.random.RandomState(0))


class Toy(ClassificationTask):
    """240 rows of one feature, three classes, four units."""

    name = "toy"
    modality = "tabular"
    summary = "rows for these tests"
    architectures = ("none",)
    forget_sets = ("random", "unit", "mislabelled")
    deletion_unit = "person"
    num_classes = 3

    def __init__(self, rows: int = 240, units: bool = True, deletable: tuple[int, ...] | None = None) -> None:
        self.rows, self.has_units, self.deletable = rows, units, deletable

    def load_splits(self) -> Splits:
        def make(n: int, start: int) -> Rows:
            at = torch.arange(start, start + n)
            return Rows({"x": at.float()[:, None], "labels": at * 7 % 3})

        units = np.arange(self.rows) // 60 if self.has_units else None
        return Splits(
            make(self.rows, 0), make(9, 1000), make(9, 2000), units,
            ("ann", "bob", "cyd", "dee", "eve")[: 5 * self.has_units],
            self.deletable,
        )  # fmt: skip

    def build_model(self, architecture: str):
        return torch.nn.Linear(1, self.num_classes)


class TestDraw:
    def test_the_kinds_are_known_by_name(self):
        assert {"random", "unit", "mislabelled"} <= set(forget_sets.kinds())

    def test_an_unknown_kind_names_the_choices(self):
        with pytest.raises(ForgetSetError, match=r"unknown kind of forget set 'randon'; the kinds are random, unit"):
            draw(Toy(), "randon", 0.1, 42)

    def test_a_kind_that_the_task_lacks_names_what_it_has(self):
        task = Toy()
        task.forget_sets = ("random",)
        with pytest.raises(ForgetSetError, match=r"task toy has no forget set 'unit'; it has random"):
            draw(task, "unit", 0.1, 42)

    @pytest.mark.parametrize("kind", ["random", "mislabelled"])
    @pytest.mark.parametrize("ratio", [0.0, -0.01, 0.51, 1.0, float("nan")])
    def test_a_ratio_that_is_no_share_is_refused(self, kind, ratio):
        with pytest.raises(ForgetSetError, match=r"must lie in \(0, 0.5\]"):
            draw(Toy(), kind, ratio, 42)

    def test_a_ratio_that_selects_nothing_is_refused(self):
        # 30 rows: 0.02 of them is less than one row.
        with pytest.raises(ForgetSetError, match=r"task toy: ratio 0.02 selects no row of 30; ask for a larger ratio"):
            draw(Toy(30), "random", 0.02, 42)

    @pytest.mark.parametrize(
        ("rows", "ratio", "count"),
        [
            # 2 rows an increment and class cannot be had of 240: one of each class, so 3 rows an increment, 30 in all.
            (240, 0.10, 24),
            (240, 0.05, 12),
            # 1000 rows: 3 of each class, 9 an increment, 90 in all: the order is shorter than the ratio.
            (1000, 0.10, 90),
            (1000, 0.07, 63),
            (1000, 0.03, 27),
        ],
    )
    def test_counts_by_hand(self, rows, ratio, count):
        chosen = draw(Toy(rows), "random", ratio, 42)
        assert len(chosen.indices) == count

    @quick
    @given(st.integers(100, 700), seeds, st.floats(0.02, 0.1), st.floats(0.02, 0.1))
    def test_ratios_are_nested_and_bounded(self, rows, seed, one, other):
        small, large = sorted((one, other))
        task = Toy(rows)
        few, many = (draw(task, "random", ratio, seed).indices for ratio in (small, large))
        assert set(few.tolist()) <= set(many.tolist())
        assert len(many) <= large * rows + 1e-6
        assert (np.diff(many) > 0).all()

    @quick
    @given(seeds)
    def test_the_seed_alone_decides(self, seed):
        first, second = draw(Toy(), "random", 0.1, seed), draw(Toy(), "random", 0.1, seed)
        assert first.indices.tolist() == second.indices.tolist()

    def test_other_seeds_give_other_rows(self):
        assert len({tuple(draw(Toy(), "random", 0.1, seed).indices) for seed in range(10)}) == 10

    def test_random_rows_carry_their_own_labels(self):
        chosen = draw(Toy(), "random", 0.1, 42)
        assert chosen.trained_labels is None
        assert chosen.unit is None

    def test_a_unit_is_all_of_its_rows_and_no_other(self):
        drawn = {}
        for seed in range(40):
            chosen = draw(Toy(deletable=(1, 3)), "unit", 0.1, seed)
            drawn[chosen.unit] = chosen.indices.tolist()
        assert drawn == {"bob": list(range(60, 120)), "dee": list(range(180, 240))}

    def test_every_unit_may_be_drawn_where_none_is_named(self):
        task = Toy(300)
        assert {draw(task, "unit", 0.1, seed).unit for seed in range(60)} == {"ann", "bob", "cyd", "dee", "eve"}

    def test_a_task_without_units_says_what_it_has(self):
        with pytest.raises(ForgetSetError, match=r"task toy has no deletion unit; its forget sets are random, unit"):
            draw(Toy(units=False), "unit", 0.1, 42)

    def test_a_unit_without_rows_is_refused(self):
        with pytest.raises(ForgetSetError, match=r"task toy: unit 'eve' has no training row"):
            draw(Toy(deletable=(4,)), "unit", 0.1, 42)

    @quick
    @given(seeds)
    def test_mislabelled_rows_are_the_random_rows_with_every_label_wrong(self, seed):
        task = Toy()
        chosen = draw(task, "mislabelled", 0.1, seed)
        assert chosen.indices.tolist() == draw(task, "random", 0.1, seed).indices.tolist()
        true = task.splits.train.labels.numpy()[chosen.indices]
        assert chosen.trained_labels is not None
        assert (chosen.trained_labels != true).all()
        assert ((chosen.trained_labels >= 0) & (chosen.trained_labels < 3)).all()

    def test_wrong_labels_reach_every_other_class(self):
        # Both wrong answers must occur for each true class, or the corruption would be a relabelling.
        pairs = set()
        task = Toy()
        for seed in range(20):
            chosen = draw(task, "mislabelled", 0.1, seed)
            pairs |= set(zip(task.splits.train.labels.numpy()[chosen.indices], chosen.trained_labels, strict=True))
        assert len(pairs) == 6


class TestMemorizedAndSequential:
    def task(self, rows: int = 240) -> Toy:
        task = Toy(rows)
        task.forget_sets = ("random", "memorized", "sequential")
        return task

    def test_memorized_rows_are_those_of_the_largest_estimates(self):
        estimates = np.zeros(240)
        estimates[[7, 200, 33]] = [0.9, 0.5, 0.7]
        chosen = draw(self.task(), "memorized", 3 / 240, 42, lambda: estimates)
        assert chosen.indices.tolist() == [7, 33, 200]
        assert chosen.requests[0].tolist() == [7, 33, 200]

    def test_memorized_rows_need_estimates(self):
        with pytest.raises(ForgetSetError, match="needs memorization estimates"):
            draw(self.task(), "memorized", 0.1, 42)

    def test_the_share_of_memorized_rows_is_known_without_training(self):
        assert forget_sets.largest_share(self.task(), "memorized", 0.1, 42) == 24 / 240

    def test_sequential_requests_are_the_random_rows_in_two_parts(self):
        task = self.task()
        chosen = draw(task, "sequential", 0.1, 42)
        first, second = chosen.requests
        assert sorted([*first, *second]) == draw(task, "random", 0.1, 42).indices.tolist() == chosen.indices.tolist()
        # MU-Bench's order is nested, so the first request is a smaller random deletion
        assert first.tolist() == draw(task, "random", 0.05, 42).indices.tolist()
        assert forget_sets.largest_share(task, "sequential", 0.1, 42) == 12 / 240

    def test_too_few_rows_for_two_requests(self):
        with pytest.raises(ForgetSetError, match="too few rows for 2 requests"):
            draw(self.task(30), "sequential", 0.04, 42)

    def test_each_request_leaves_what_the_ones_before_it_left(self):
        scenario = Scenario(self.task(), "sequential", 0.1, "none")
        (first, after_first), (second, after_second) = scenario.requests
        names = [{int(x) for x in rows.columns["x"][:, 0]} for rows in (first, after_first, second, after_second)]
        assert names[0] | names[1] == set(range(240))
        assert names[2] < names[1]
        assert names[3] == names[1] - names[2]
        assert names[3] == {int(x) for x in scenario.retain.columns["x"][:, 0]}

    def test_past_a_tenth_the_order_goes_on(self):
        task = self.task()
        tenth, third = (set(draw(task, "random", ratio, 42).indices.tolist()) for ratio in (0.1, 0.3))
        assert tenth < third
        assert len(third) == 72


class TestScenario:
    def test_forget_and_retain_rows_part_the_training_set(self):
        scenario = Scenario(Toy(), "random", 0.1, "none")
        forget, retain = (rows.columns["x"][:, 0].int().tolist() for rows in (scenario.forget, scenario.retain))
        assert sorted(forget + retain) == list(range(240))
        assert forget == scenario.forget_set.indices.tolist()
        assert scenario.actual_ratio == 0.1

    def test_the_original_of_a_mislabelled_scenario_is_trained_on_the_wrong_labels(self):
        scenario = Scenario(Toy(), "mislabelled", 0.1, "none")
        chosen = scenario.forget_set
        own = scenario.task.splits.train.labels
        changed = torch.nonzero(scenario.train.labels != own)[:, 0]
        assert changed.tolist() == chosen.indices.tolist()
        assert scenario.forget.labels.tolist() == chosen.trained_labels.tolist()
        assert scenario.forget_as_labelled.labels.tolist() == own[chosen.indices].tolist()
        kept = np.setdiff1d(np.arange(240), chosen.indices)
        assert torch.equal(scenario.retain.labels, own[kept])

    def test_the_seeds_of_originals_and_references_are_all_different(self):
        one = Scenario(Toy(), "random", 0.1, "none")
        found = [s(i) for s in (one.original_seed, one.reference_seed) for i in range(64)]
        assert len(set(found)) == len(found)

    def test_another_suite_seed_is_another_scenario(self):
        one, other = Scenario(Toy(), "random", 0.1, "none"), Scenario(Toy(), "random", 0.1, "none", seed=43)
        assert one.original_seed(0) != other.original_seed(0)
        assert one.forget_set.indices.tolist() != other.forget_set.indices.tolist()

    @pytest.mark.parametrize(
        ("kind", "ratio", "name"),
        [("random", 0.1, "toy/random-10%"), ("mislabelled", 0.07, "toy/mislabelled-7%"), ("unit", 0.1, "toy/unit")],
    )
    def test_names(self, kind, ratio, name):
        assert Scenario(Toy(), kind, ratio, "none").name == name

    def test_a_profile_takes_the_first_kinds_of_a_task(self):
        assert scenario_names(Toy(), PROFILES["smoke"]) == ["toy/random-10%", "toy/unit"]
        assert scenario_names(Toy(), PROFILES["thorough"]) == ["toy/random-10%", "toy/unit", "toy/mislabelled-10%"]

    @pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
    def test_scenarios_are_the_ones_that_their_names_say(self, profile: Profile):
        made = scenarios(Toy(), profile, 43)
        assert [scenario.name for scenario in made] == scenario_names(Toy(), profile)
        assert {(scenario.seed, scenario.architecture) for scenario in made} == {(43, "none")}

    @pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
    def test_a_profile_shares_its_error_rate_over_its_looks(self, profile: Profile):
        assert (1 - profile.level) * len(profile.looks) == pytest.approx(0.05)
        assert list(profile.looks) == sorted(set(profile.looks))
