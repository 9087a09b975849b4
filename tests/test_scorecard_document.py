"""The scorecard as a file: whole, or invalid."""

from __future__ import annotations

import json
import math

import pytest
from cards import FORGETTING, card

from mu_conformance.scorecard.document import ScorecardError, read, write


class TestFiles:
    def test_what_is_written_is_read(self, tmp_path):
        built = card({FORGETTING: "failed"})
        write(built, tmp_path / "scorecard.json")
        assert read(tmp_path / "scorecard.json") == built
        assert [path.name for path in tmp_path.iterdir()] == ["scorecard.json"]

    def test_the_last_key_says_that_it_is_whole(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(card(), path)
        assert path.read_text().rstrip("}\n ").endswith('"complete": true')

    def test_every_truncation_is_invalid(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(card(), path)
        text = path.read_text()
        for left in [0, 1, len(text) // 3, len(text) // 2, text.index('"complete"'), len(text.rstrip()) - 1]:
            path.write_text(text[:left])
            with pytest.raises(ScorecardError, match=r"is not valid JSON .*was the run cut off"):
                read(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"complete": False}, "is incomplete: the run did not end"),
            ({"complete": "yes"}, "is incomplete"),
            ({"schema": "mu-conformance/scorecard/99"}, "is not a scorecard of schema mu-conformance/scorecard/1"),
        ],
    )
    def test_what_is_not_a_whole_scorecard(self, tmp_path, change, message):
        path = tmp_path / "scorecard.json"
        path.write_text(json.dumps({**card(), **change}))
        with pytest.raises(ScorecardError, match=message):
            read(path)

    @pytest.mark.parametrize("content", ["[]", "3", "null", "{}"])
    def test_other_json(self, tmp_path, content):
        path = tmp_path / "scorecard.json"
        path.write_text(content)
        with pytest.raises(ScorecardError, match="is not a scorecard of schema"):
            read(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(ScorecardError, match=r"scorecard .*absent\.json cannot be read: No such file"):
            read(tmp_path / "absent.json")
        with pytest.raises(ScorecardError, match="cannot be read: Is a directory"):
            read(tmp_path)

    def test_no_nan_is_ever_written(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(card(), path)
        with pytest.raises(ValueError, match="not JSON compliant"):
            write({**card(), "environment": {"load": math.nan}}, path)
        # and the earlier file is still whole
        assert read(path)["complete"] is True
