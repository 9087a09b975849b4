"""The scorecard as a file: whole, or invalid."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from cards import FORGETTING, card, scorecard

from mu_conformance.scorecard.document import Document, ScorecardError, read_json, write


class TestFiles:
    def test_what_is_written_is_read(self, tmp_path):
        built = scorecard({FORGETTING: "failed"})
        write(built, tmp_path / "scorecard.json")
        assert read_json(tmp_path / "scorecard.json") == built.to_json()
        assert Document.from_json(built.to_json()) == Document.from_json(read_json(tmp_path / "scorecard.json"))
        assert [path.name for path in tmp_path.iterdir()] == ["scorecard.json"]

    def test_the_last_key_says_that_it_is_whole(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(scorecard(), path)
        assert path.read_text().rstrip("}\n ").endswith('"complete": true')

    def test_every_truncation_is_invalid(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(scorecard(), path)
        text = path.read_text()
        for left in [0, 1, len(text) // 3, len(text) // 2, text.index('"complete"'), len(text.rstrip()) - 1]:
            path.write_text(text[:left])
            with pytest.raises(ScorecardError, match=r"is not valid JSON .*was the run cut off"):
                read_json(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"complete": "yes"}, "is incomplete: it was not written to its end"),
            ({"complete": None}, "is incomplete"),
            ({"schema": "mu-conformance/scorecard/99"}, "is not a scorecard of schema mu-conformance/scorecard/1"),
        ],
    )
    def test_what_is_not_a_whole_scorecard(self, tmp_path, change, message):
        path = tmp_path / "scorecard.json"
        path.write_text(json.dumps({**card(), **change}))
        with pytest.raises(ScorecardError, match=message):
            read_json(path)

    @pytest.mark.parametrize("content", ["[]", "3", "null", "{}"])
    def test_other_json(self, tmp_path, content):
        path = tmp_path / "scorecard.json"
        path.write_text(content)
        with pytest.raises(ScorecardError, match="is not a scorecard of schema"):
            read_json(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(ScorecardError, match=r"scorecard .*absent\.json cannot be read: No such file"):
            read_json(tmp_path / "absent.json")
        with pytest.raises(ScorecardError, match="cannot be read: Is a directory"):
            read_json(tmp_path)

    def test_no_nan_is_ever_written(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(scorecard(), path)
        write(dataclasses.replace(scorecard(), environment={"load": math.nan}), path)
        assert read_json(path)["environment"] == {"load": None}

    def test_a_partial_run_is_read_and_says_so(self, tmp_path):
        write(scorecard({FORGETTING: None}), tmp_path / "scorecard.json")
        assert read_json(tmp_path / "scorecard.json")["complete"] is False

    @pytest.mark.parametrize("key", ["verdict", "checks", "suite", "waivers", "generated_at"])
    def test_a_document_without_a_part_is_malformed(self, key):
        document = card()
        del document[key]
        with pytest.raises(ScorecardError, match=f"malformed .KeyError: '{key}'"):
            Document.from_json(document)

    def test_keys_of_a_later_version_are_ignored(self):
        document = card()
        document["later"] = 1
        document["checks"][0]["later"] = document["verdict"]["later"] = 2
        assert Document.from_json(document).to_json() == card()

    def test_an_error_of_an_older_scorecard_is_the_methods(self):
        document = card({FORGETTING: "error"})
        del document["checks"][2]["fault"]
        assert Document.from_json(document).checks[2].fault == "method"
