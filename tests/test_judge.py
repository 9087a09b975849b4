"""``judge()`` from outside: the scorecard that the command line makes, and one error for whatever cannot be judged."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

import mu_conformance as mu
from mu_conformance.methods import Retrain
from mu_conformance.scorecard.verification import verify

OF_THE_MOMENT = ("cost.wall-clock", "cost.peak-memory", "robustness.unseen-request")
"""What is measured of the machine, or of a model whose seed nothing foretells."""


def comparable(card: dict) -> dict:
    """What must not depend on where a scorecard was made: all except times, the moment's figures and the invocation."""
    checks = []
    for entry in card["checks"]:
        entry = {key: value for key, value in entry.items() if key not in ("duration_s", "reproduce")}
        if entry["id"] in OF_THE_MOMENT:
            entry["measurements"] = [measurement["name"] for measurement in entry["measurements"]]
            del entry["message"]
        checks.append(entry)
    verdict = {key: value for key, value in card["verdict"].items() if key != "distance"}
    # unseen originals have a distance of their own each time
    distance = {name: found for name, found in card["verdict"]["distance"].items() if name != "robustness"}
    kept = {key: card[key] for key in ("schema", "suite", "method", "environment", "waivers", "complete")}
    return {**kept, "checks": checks, "verdict": verdict, "distance": distance}


SCRIPT = """
import json, sys
import mu_conformance as mu
from toy_task import ToyTask

said = []
card = mu.judge({method!r}, tasks=[ToyTask()], cache={cache!r}, progress=said.append,
                challenge="drawn for the tests")
assert "pytest" not in sys.modules
json.dump({{"card": card.to_json(), "said": said, "failures": [c.id for c in card.failures()],
           "distance": card.distance("forgetting")}}, open("judged.json", "w"))
"""


def from_script(toy, method: str) -> dict:
    script = SCRIPT.format(method=method, cache=str(toy.cache))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=toy.folder,
        env=toy.environment(),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((toy.folder / "judged.json").read_text())


@pytest.mark.parametrize("method", ["toy_methods:retrain", "mu_conformance.controls:DoNothing"])
def test_a_script_makes_the_scorecard_of_the_command_line(toy, method):
    run = toy.run(method)
    judged = from_script(toy, method)
    assert comparable(judged["card"]) == comparable(run.card)
    assert verify(judged["card"]) == []
    count = len(run.card["checks"])
    assert judged["said"][-1].startswith(f"{count} of {count}: ")
    conformant = run.card["verdict"]["status"] == "conformant"
    assert (judged["failures"] == []) is conformant
    assert (judged["distance"] < 1) is conformant


class TestBadInput:
    """One exception type, one line, and what to do."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"tasks": ["sentimnt"]}, r"unknown task 'sentimnt'; did you mean sentiment\? the choices are"),
            ({"tasks": "sentiment"}, r"tasks is a list of names, such as \['action_recognition'\], not 'sentiment'"),
            ({"tasks": 5}, "tasks is a list of names"),
            ({"tasks": [3]}, "a task is a name or a Task instance, got 3"),
            ({"profile": None}, "profile is a text, got None"),
            ({"runs": "4"}, "runs is a whole number, got '4'"),
            ({"ratio": "x"}, "ratio is a share of the rows, got 'x'"),
            ({"time_limit": "60"}, "time_limit is a number of seconds above 0, got '60'"),
            ({"waivers": "absent.toml"}, "waiver file absent.toml cannot be read"),
            ({"tasks": []}, "tasks is empty; the choices are: action_recognition"),
            ({"profile": "smke"}, r"unknown profile 'smke'; did you mean smoke\? the choices are"),
            ({"model": "resnet"}, "unknown model 'resnet'; the choices are"),
            ({"data": "cloud"}, "unknown kind of data 'cloud'; the choices are: embedded, hub"),
            ({"device": "warp:9"}, "warp:9 cannot be used here"),
            ({"ratio": 0.7}, "ratio"),
            ({"runs": 0}, "at least 1 run, got 0"),
            ({"references": 2}, "at least 3 references, got 2"),
            ({"waivers": ["absent.toml"]}, "waiver file absent.toml cannot be read"),
            ({"resume": True}, "give report="),
            ({"claims": "exact"}, "claims is a mu_conformance.Claims"),
            ({"conditions": "lora:4"}, "conditions are a mu_conformance.Conditions"),
            ({"seed": -1}, "seed is a whole number from 0 up, got -1"),
            ({"time_limit": 0}, "time_limit is a number of seconds above 0, got 0"),
        ],
    )
    def test_one_line_that_says_what_to_do(self, arguments, message, tmp_path):
        given = {"tasks": ["tabular"], "cache": tmp_path / "cache", **arguments}
        with pytest.raises(mu.JudgeError, match=message) as raised:
            mu.judge("mu_conformance.methods:Retrain", progress=False, **given)
        assert "\n" not in str(raised.value)

    def test_a_method_that_is_not_there(self, tmp_path):
        with pytest.raises(mu.JudgeError, match="has no attribute 'Retrian'; did you mean Retrain"):
            mu.judge("mu_conformance.methods:Retrian", tasks=["tabular"], cache=tmp_path, progress=False)

    @pytest.mark.parametrize("method", [Retrain, Retrain()])
    def test_an_object_instead_of_a_reference(self, method):
        message = "takes a reference, not the object itself: pass 'mu_conformance.methods.retrain:Retrain'"
        with pytest.raises(mu.JudgeError, match=message):
            mu.judge(method, tasks=["tabular"])

    def test_a_class_of_a_notebook_cell(self):
        class Mine:
            pass

        with pytest.raises(
            mu.JudgeError, match=r"write it to a file, such as my_method\.py, and pass 'my_method:Mine'"
        ):
            mu.judge(Mine, tasks=["tabular"])
        Mine.__qualname__, Mine.__module__ = "Mine", "__main__"
        with pytest.raises(mu.JudgeError, match="cannot be imported by the process that runs it"):
            mu.judge(Mine, tasks=["tabular"])

    @pytest.mark.parametrize("name", ["cache", "report"])
    def test_a_file_where_a_folder_is_wanted(self, name, tmp_path):
        (tmp_path / "taken").write_text("")
        with pytest.raises(mu.JudgeError, match="taken"):
            mu.judge(
                "mu_conformance.methods:Retrain",
                progress=False,
                **{"tasks": ["tabular"], "cache": tmp_path / "cache", name: tmp_path / "taken"},
            )

    def test_a_scorecard_is_saved_and_read_or_says_why_not(self, tmp_path):
        from cards import scorecard

        made = scorecard()
        assert dataclasses.asdict(mu.Scorecard.load(made.save(tmp_path))) == dataclasses.asdict(
            mu.Scorecard.from_json(made.to_json())
        )
        assert made.diff(mu.Scorecard.load(tmp_path / "scorecard.json")) == []
        with pytest.raises(mu.ScorecardError, match="cannot be written"):
            made.save(tmp_path / "absent" / "scorecard.json")
        with pytest.raises(mu.ScorecardError, match="cannot be read"):
            mu.Scorecard.load(Path("/nowhere"))
