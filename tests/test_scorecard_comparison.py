"""Two scorecards compared: what is a regression and what a mere change."""

from __future__ import annotations

import pytest
from cards import ENTRIES, FORGETTING, scorecard

from mu_conformance.scorecard.diff import changes, regressions


class TestComparison:
    @pytest.mark.parametrize(
        ("before", "after", "worse"),
        [
            ("passed", "passed", False),
            ("passed", "failed", True),
            ("passed", "inconclusive", True),
            ("passed", "waived", False),
            ("passed", None, True),
            ("waived", "failed", True),
            ("waived", "stale_waiver", True),
            ("failed", "passed", False),
            ("failed", "error", False),
            (None, "failed", False),
        ],
    )
    def test_one_check(self, before, after, worse):
        old, new = scorecard({FORGETTING: before}), scorecard({FORGETTING: after})
        before, after = before or "not_run", after or "not_run"
        line = f"forgetting.score on sentiment/random-10%: {before} before, {after} now"
        assert regressions(old, new) == ([line] if worse else [])
        assert changes(old, new) == ([(*FORGETTING, before, after)] if before != after else [])

    def test_nothing_may_be_dropped(self):
        old, new = scorecard(), scorecard(listed=ENTRIES[:-1])
        assert regressions(old, new) == ["forgetting.score on keyword_spotting/unit: passed before, absent now"]
        assert regressions(new, old) == []
        assert changes(new, old) == [("forgetting.score", "keyword_spotting/unit", "absent", "passed")]
