"""Findings as plain JSON, whatever types a check's numbers have."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mu_conformance.decision.finding import Finding, Measurement, Population, plain
from mu_conformance.decision.interval import Interval
from mu_conformance.decision.outcome import Outcome


class TestPlain:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (np.float32(0.5), 0.5),
            (np.float64(0.25), 0.25),
            (np.int64(3), 3),
            (np.bool_(True), True),
            (torch.tensor(2), 2),
            (torch.tensor(1.5), 1.5),
            (math.nan, None),
            (math.inf, None),
            (np.float32("-inf"), None),
            (torch.tensor(math.nan), None),
            (None, None),
            (False, False),
            ("text", "text"),
            ((1, (2.5, "x")), [1, [2.5, "x"]]),
            ({1: np.float64(2.0), "k": {"deep": math.nan}}, {"1": 2.0, "k": {"deep": None}}),
            (Path("a/b"), "a/b"),
        ],
    )
    def test_values(self, value, expected):
        found = plain(value)
        assert found == expected
        assert type(found) is type(expected)
        json.dumps(found, allow_nan=False)

    @pytest.mark.parametrize("value", [Outcome.PASSED, np.str_("passed")], ids=["enum", "numpy"])
    def test_strings_are_plain_too(self, value):
        assert type(plain(value)) is str

    def test_a_findings_record(self):
        measurement = Measurement(
            "auc", np.float64(0.5), Interval(-0.1, math.inf, 0.95), margin=np.float32(0.25), original=0.9,
            references=Population(0.5, np.float64(0.02), 16), runs=4,
        )  # fmt: skip
        assert Finding.failed("too high", measurement).to_json() == {
            "outcome": "failed",
            "message": "too high",
            "measurements": [
                {
                    "name": "auc",
                    "value": 0.5,
                    "interval": [-0.1, None],
                    "level": 0.95,
                    "margin": 0.25,
                    "original": 0.9,
                    "references": {"mean": 0.5, "sd": 0.02, "n": 16},
                    "runs": 4,
                }
            ],
        }
        assert Finding.passed(Measurement("gap", 0.0)).to_json()["measurements"] == [{"name": "gap", "value": 0.0}]
