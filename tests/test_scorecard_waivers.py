"""Waivers: reading them, and which applies."""

from __future__ import annotations

from pathlib import Path

import pytest

from mu_conformance.scorecard.waivers import WaiverError, find_waiver, read_waivers


class TestWaivers:
    def file(self, tmp_path: Path, text: str) -> list[Path]:
        path = tmp_path / "waivers.toml"
        path.write_text(text)
        return [path]

    def test_they_are_read_in_order(self, tmp_path):
        text = """
            [[waiver]]
            check = "forgetting.score"
            scenario = "sentiment/*"
            reason = "issue 12"
            [[waiver]]
            check = "contract.finite"
            reason = "issue 13"
        """
        first, second = read_waivers(self.file(tmp_path, text))
        assert first.to_json() == {
            "check": "forgetting.score", "scenario": "sentiment/*", "reason": "issue 12", "source": "waivers.toml",
        }  # fmt: skip
        assert second.scenario == "*"
        assert find_waiver([first, second], "forgetting.score", "sentiment/random-10%") is first
        assert find_waiver([first, second], "forgetting.score", "keyword_spotting/unit") is None
        assert find_waiver([first, second], "forgetting.loss", "sentiment/random-10%") is None
        assert find_waiver([first, second], "contract.finite", "anything/at-all") is second

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('[[waiver]]\ncheck = "forgetting.scor"\nreason = "x"', r"waiver 1 of .*did you mean .*forgetting\.score"),
            ('[[waiver]]\ncheck = "forgetting.score"', "waiver 1 of .* needs a check and a reason"),
            ('[[waiver]]\ncheck = "forgetting.score"\nreason = ""', "needs a check and a reason"),
            ('[[waiver]]\nreason = "x"', "needs a check and a reason"),
            (
                '[[waiver]]\ncheck = "forgetting.score"\nreason = "x"\nuntil = 3',
                "unknown key 'until'; the keys are check",
            ),
            ("[[waivers]]\n", r"has no \[\[waiver\]\] table"),
            ("", r"has no \[\[waiver\]\] table"),
            ("[[waiver]\n", "cannot be read"),
        ],
    )
    def test_what_cannot_be_used(self, tmp_path, text, message):
        with pytest.raises(WaiverError, match=message):
            read_waivers(self.file(tmp_path, text))

    def test_no_file(self, tmp_path):
        with pytest.raises(WaiverError, match=r"waiver file .*absent\.toml cannot be read"):
            read_waivers([tmp_path / "absent.toml"])
