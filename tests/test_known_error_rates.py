"""What a scorecard says of the suite's own error rates."""

from __future__ import annotations

import dataclasses

import pytest

from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard import known_error_rates as validity
from mu_conformance.tasks import registry

SMOKE = PROFILES["smoke"]


def study(task, estimate=0.0, interval=(0.0, 0.02), profile="smoke", detection=(), **rate):
    return {
        "task": task,
        "profile": profile,
        "false_alarm_rate": {
            "estimate": estimate,
            "interval": list(interval),
            "level": 0.95,
            "judgements": 200,
            **rate,
        },
        "detection": [{"kept": kept, "estimate": found} for kept, found in detection],
    }


def measured(*found):
    return {f"{one['profile']} {one['task']}": one for one in found}


class TestFalseAlarms:
    def test_of_one_task_it_is_the_measured_rate(self):
        found = validity.false_alarm_rate(measured(study("a", 0.01, (0.0, 0.03))), SMOKE, {"a", "b"})
        assert found == {
            "estimate": 0.01,
            "interval": [0.0, 0.03],
            "level": 0.95,
            "judgements": 200,
            "tasks": ["a"],
        }

    def test_a_verdict_on_two_tasks_is_wrong_where_either_is(self):
        rates = measured(study("a", 0.1, (0.0, 0.2)), study("b", 0.5, (0.1, 0.5), judgements=50))
        found = validity.false_alarm_rate(rates, SMOKE, {"a", "b"})
        assert (found["estimate"], found["interval"]) == (0.55, [0.1, 0.6])
        assert (found["judgements"], found["tasks"]) == (50, ["a", "b"])

    @pytest.mark.parametrize(
        ("profile", "tasks"),
        [
            (SMOKE, {"c"}),
            (SMOKE, set()),
            (PROFILES["standard"], {"a"}),
            (dataclasses.replace(SMOKE, references=8), {"a"}),
        ],
    )
    def test_what_was_not_studied_has_none(self, profile, tasks):
        assert validity.false_alarm_rate(measured(study("a")), profile, tasks) is None
        assert validity.detected(measured(study("a")), profile, tasks) == {}


class TestDetection:
    def test_the_smallest_share_that_is_found_nine_times_of_ten(self):
        found = study("a", detection=[(0.05, 0.3), (0.1, 0.9), (0.25, 1.0)])
        assert validity.detected(measured(found), SMOKE, {"a"}) == {"a": 0.1}

    def test_a_share_below_one_that_is_missed_does_not_count(self):
        found = study("a", detection=[(0.1, 0.95), (0.15, 0.8), (0.25, 1.0)])
        assert validity.detected(measured(found), SMOKE, {"a"}) == {"a": 0.25}

    def test_none_where_even_the_largest_is_missed(self):
        assert validity.detected(measured(study("a", detection=[(0.5, 0.4)])), SMOKE, {"a"}) == {"a": None}


def test_what_ships_is_of_tasks_and_profiles_that_there_are():
    for found in validity.studies().values():
        assert found["task"] in registry.task_names()
        assert found["profile"] in PROFILES
        assert 0 <= found["false_alarm_rate"]["estimate"] <= 1
