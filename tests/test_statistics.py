"""The statistics that checks compare, by hand on models of two or three classes and a few rows."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from hand_made import HandMade
from linear_task import TASK

from mu_conformance.checks.mu_bench import mu_bench
from mu_conformance.checks.statistics import forgetting, membership, utility
from mu_conformance.evidence.base import Others
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.tasks import Rows, registry


def rows_of(labels: list[int]) -> Rows:
    return Rows({"x": torch.zeros(len(labels), 2), "labels": torch.tensor(labels)})


def scenario_of(**labels: list[int]):
    rows = {part: rows_of(found) for part, found in labels.items()}
    return types.SimpleNamespace(task=TASK, rows=rows)


def model(**probabilities) -> Outputs:
    """Of the probability of each row's class 0, or of all three classes."""
    parts = {}
    for part, rows in probabilities.items():
        full = [row if np.ndim(row) else [row, (1 - row) / 2, (1 - row) / 2] for row in rows]
        parts[part] = {"logits": np.log(np.array(full, dtype=float))}
    return Outputs(parts)


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_output_divergence_from_the_mean_of_the_others():
    evidence = scenario_of(forget=[0, 0], holdout=[0, 0, 0, 0])
    far, near, middle = [1 - 2e-9, 1e-9, 1e-9], [1e-9, 1 - 2e-9, 1e-9], [0.5, 0.25, 0.25]
    own = model(forget=[far, middle], holdout=[far, middle, middle, middle])
    others = [
        model(forget=[near, p], holdout=[near, p, p, p]) for p in ([0.6, 0.2, 0.2], [0.4, 0.3, 0.3])
    ]  # fmt: skip
    # the first row shares no class with the others' mean, the rest is that mean: ln 2 over 2 rows, less that over 4
    assert forgetting.output_divergence(evidence, own, Others(others)) == pytest.approx(np.log(2) / 4, abs=1e-6)


def test_loss_difference_is_in_deviations_of_holdout_rows():
    evidence = scenario_of(forget=[0, 0], holdout=[0, 0])
    losses = {"forget": [0.5, 1.5], "holdout": [2.0, 6.0]}
    own = model(**{part: list(np.exp(-np.array(found))) for part, found in losses.items()})
    # (1 - 4) / 2
    assert forgetting.loss_difference(evidence, own) == pytest.approx(-1.5)
    # twice as sharp, as far as losses go
    sharp = model(**{part: list(np.exp(-2 * np.array(found))) for part, found in losses.items()})
    assert forgetting.loss_difference(evidence, sharp) == pytest.approx(-1.5)


def test_rmia_score_counts_pairs():
    evidence = scenario_of(forget=[0, 0], holdout=[0, 0, 0, 0])
    own = model(forget=[0.9, 0.3], holdout=[0.2, 0.5, 0.5, 0.8])
    others = [model(forget=[0.4, 0.4], holdout=[0.4] * 4), model(forget=[0.6, 0.6], holdout=[0.6] * 4)]
    # over the others' mean 0.5, forget rows have 1.8 and 0.6, holdout rows 0.4, 1, 1, 1.6: 4 of 4 and 1 of 4 are beaten
    assert membership.rmia_score(evidence, own, Others(others)) == pytest.approx(5 / 8 - 0.5)


def test_worst_rows_score_is_of_the_tenth_with_the_largest():
    forget, holdout = [0.5] * 19 + [0.9], [0.5] * 9 + [0.7]
    evidence = scenario_of(forget=[0] * 20, holdout=[0] * 10)
    own = model(forget=forget, holdout=holdout)
    # standardised, the holdout rows are -1 and 1 in every model: their mean is 0 and their deviation 1
    apart = [1 / (1 + np.exp(place)) for place in (1, -1)] * 5
    others = [model(forget=[1 / (1 + np.exp(-p))] * 20, holdout=apart) for p in (-1, 1)]
    # the others' forget rows are at -1 and 1: mean 0, deviation sqrt 2; two forget rows are a tenth, one holdout row.
    # The others agree on holdout rows, whose deviation is a tenth of the pooled one or 1.
    mean, deviation = logit(0.7) / 10, 0.3 * logit(0.7)
    place = {p: (logit(p) - mean) / deviation for p in (0.5, 0.7, 0.9)}
    wanted = (place[0.9] + place[0.5]) / 2 / np.sqrt(2) - (place[0.7] - 1)
    found = membership.worst_rows_score(evidence, own, Others(others))
    assert found == pytest.approx(wanted, rel=1e-5)


def test_another_sharpness_of_all_outputs_changes_no_lira_score():
    generator = np.random.RandomState(0)
    evidence = scenario_of(forget=[0] * 6, holdout=[0] * 8)

    def outputs(scale, noise):
        return model(
            forget=list(1 / (1 + np.exp(-scale * noise[:6]))), holdout=list(1 / (1 + np.exp(-scale * noise[6:])))
        )

    rows = generator.standard_normal(14)
    others = Others([outputs(1, rows + generator.standard_normal(14)) for _ in range(4)])
    own = rows + generator.standard_normal(14)
    found = [membership.lira_score(evidence, outputs(scale, own), others) for scale in (1.0, 3.0)]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_stratum_score_is_of_rows_of_one_difficulty():
    evidence = scenario_of(forget=[0] * 6, holdout=[0] * 24)
    # Three rows are hard and three are easy, for forget and holdout rows alike; the model knows two easy forget rows.
    ease = np.array([-2.0, -2.1, -2.2, 2.0, 2.1, 2.2])
    level = np.tile(ease, 4)

    def outputs(forget, holdout):
        return model(forget=list(1 / (1 + np.exp(-forget))), holdout=list(1 / (1 + np.exp(-holdout))))

    generator = np.random.RandomState(1)
    others = Others(
        [
            outputs(ease + 0.1 * generator.standard_normal(6), level + 0.1 * generator.standard_normal(24))
            for _ in range(8)
        ]
    )
    own = outputs(ease + np.array([0, 0, 0, 0, 1.0, 1.0]), level)
    easy, hard = (membership.stratum_score(*bounds)(evidence, own, others) for bounds in ((0.5, 1.0), (0.0, 0.5)))
    assert easy > 3
    assert abs(hard) < 1.5


def test_confidence_spread_is_a_log_ratio_that_stays_finite():
    evidence = scenario_of(forget=[0, 0], holdout=[0, 0])
    apart = [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))]
    near = [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))]
    assert membership.confidence_spread(evidence, model(forget=near, holdout=apart)) == pytest.approx(-np.log(2))
    same = membership.confidence_spread(evidence, model(forget=[0.5, 0.5], holdout=apart))
    assert same == pytest.approx(np.log(membership.LEAST_SPREAD / 2))


def test_retain_advantage_is_a_log_that_stays_finite():
    evidence = scenario_of(retain=[0, 0], holdout=[0, 0])
    # holdout rows at -1 and 1: deviation 1
    apart = [1 / (1 + np.exp(1)), 1 / (1 + np.exp(-1))]
    found = membership.retain_advantage(evidence, model(retain=[0.9, 0.5], holdout=apart))
    assert found == pytest.approx(np.log(logit(0.9) / 2))
    less = membership.retain_advantage(evidence, model(retain=[0.4, 0.4], holdout=apart))
    assert less == pytest.approx(np.log(membership.LEAST_SPREAD))


def test_worst_group_drop_is_that_of_the_class_that_lost_most():
    evidence = scenario_of(test=[0, 0, 1, 1])
    first, second = [0.9, 0.05, 0.05], [0.05, 0.9, 0.05]
    right, wrong = model(test=[first, first, second, second]), model(test=[first, first, first, first])
    half = model(test=[first, second, second, second])
    # class 0: 1/2 - 1, class 1: 1 - (1 + 0) / 2
    assert utility.worst_group_drop(evidence, half, Others([right, wrong])) == -0.5
    # class 1: 0 - 1
    assert utility.worst_group_drop(evidence, wrong, Others([right, right])) == -1.0


def test_calibration_error_of_one_bin():
    evidence = scenario_of(test=[0, 1, 0, 1])
    # always sure of class 0 to 0.8, and right in half of the rows
    assert utility.calibration_error(evidence, model(test=[0.8] * 4)) == pytest.approx(0.3)


def test_one_temperature_of_all_rows_changes_no_matched_calibration_error():
    evidence = scenario_of(test=[0, 1, 0, 0], holdout=[0, 1, 0, 0, 0])
    rows = {"test": [0.8, 0.6, 0.7, 0.55], "holdout": [0.8, 0.6, 0.7, 0.55, 0.9]}

    def at(power):
        full = {part: np.array([[p, (1 - p) / 2, (1 - p) / 2] for p in found]) ** power for part, found in rows.items()}
        return model(**{part: list(found / found.sum(axis=1, keepdims=True)) for part, found in full.items()})

    found = [utility.matched_calibration_error(evidence, at(power)) for power in (1, 2, 0.5)]
    assert found[1:] == pytest.approx([found[0]] * 2, abs=1e-3)
    assert utility.calibration_error(evidence, at(2)) != pytest.approx(
        utility.calibration_error(evidence, at(1)), abs=0.01
    )


def test_ood_score_is_the_mean_score():
    evidence = scenario_of(ood=[0, 1, 0, 0])
    assert utility.ood_score(evidence, model(ood=[0.8] * 4)) == 0.75


def test_within_class_auc_compares_rows_of_one_label():
    evidence = scenario_of(forget=[0, 0, 1], holdout=[0, 1, 1, 2])
    own = model(
        forget=[[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.2, 0.7, 0.1]],
        holdout=[[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]],
    )
    # class 0: one of two pairs; class 1: one of two; a bias of class 0 changes none of it
    assert membership.within_class_auc(evidence, own) == 0.5
    hidden = Outputs({part: {"logits": kept["logits"] - [20.0, 0.0, 0.0]} for part, kept in own.parts.items()})
    assert membership.within_class_auc(evidence, hidden) == 0.5
    alone = scenario_of(forget=[2], holdout=[0, 1])
    parts = {"forget": {"logits": np.zeros((1, 3))}, "holdout": {"logits": np.zeros((2, 3))}}
    assert membership.within_class_auc(alone, Outputs(parts)) == 0.5


def test_what_depends_on_one_model_is_computed_once():
    evidence = scenario_of(ood=[0, 1])
    own = model(ood=[0.8, 0.8])
    assert utility.ood_score(evidence, own) == 0.5
    own.parts["ood"]["logits"][:] = 0.0
    assert utility.ood_score(evidence, own) == 0.5


@pytest.mark.parametrize("name", registry.task_names())
def test_a_task_says_whether_it_has_rows_from_elsewhere(name):
    task = registry.find_task(name)
    assert task.has_ood == (task.splits.ood is not None)


@pytest.mark.parametrize("name", registry.hub_tasks())
def test_a_task_on_published_data_says_whether_it_has_rows_from_elsewhere(name):
    task = registry.hub_task(name)
    assert task.has_ood == (task.ood_data is not None)


class TestMuBench:
    """A model right on 3 of 4 test, 1 of 2 forget and both retain rows; an untrained one gives each class a third."""

    @pytest.fixture
    def evidence(self):
        found = scenario_of(test=[0, 0, 0, 1], forget=[0, 1], retain=[0, 0])
        found.forget_as_labelled = found.rows["forget"]
        return found

    @pytest.fixture
    def own(self):
        return model(test=[0.8] * 4, forget=[[1 - 2e-9, 1e-9, 1e-9]] * 2, retain=[0.8] * 2)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("knowledge gap", 0.75),
            # a sure answer against thirds: (ln(3/2) + (ln(1/2) + 2 ln 2) / 3) / 2 = 0.318
            ("zero-retrain forgetting", 1 - 0.5 * (np.log(1.5) + np.log(2) / 3)),
            ("MU-Bench overall, first form", (0.75 + 1 - 0.5) / 2),
            # the same test score as the original, and the untrained model is right on one of two forget rows
            ("MU-Bench overall, later form", 1.0),
        ],
    )
    def test_by_hand(self, evidence, own, name, value):
        third = [[0.3334, 0.3333, 0.3333]]
        untrained = model(test=third * 4, forget=third * 2, retain=third * 2)
        made = HandMade(scenario=evidence, originals=[own], untrained=untrained)
        assert mu_bench(made)[name].among(evidence, own, Others([])) == pytest.approx(value, abs=2e-4)

    def test_without_right_and_wrong_there_is_no_knowledge_gap(self):
        evidence = HandMade(task=registry.find_task("biography"))
        assert "knowledge gap" not in mu_bench(evidence)
        assert "zero-retrain forgetting" in mu_bench(evidence)
