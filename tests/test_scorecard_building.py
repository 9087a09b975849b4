"""Building the scorecard: what is required, what did not run, and what claims leave out."""

from __future__ import annotations

import json

import pytest
import torch
from cards import ENTRIES, FORGETTING, card

from mu_conformance.checks.manifest import entries, manifest_digest
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard.building import environment
from mu_conformance.scorecard.verdict import CONFORMANT
from mu_conformance.tasks.registry import find_task


class TestBuild:
    def test_everything_passed(self):
        built = card()
        assert built["verdict"]["status"] == "conformant"
        assert built["verdict"]["required"] == built["verdict"]["passed"] == len(ENTRIES)
        assert [(e["id"], e["scenario"]) for e in built["checks"]] == [e.key for e in ENTRIES]
        assert built["checks"][2]["duration_s"] == 1.235
        assert built["suite"]["level"] == pytest.approx(1 - 0.05 / 3)
        assert list(built)[-1] == "complete"

    def test_what_is_missing_did_not_run(self):
        built = card({FORGETTING: None})
        assert built["checks"][2]["outcome"] == "not_run"
        assert built["verdict"]["status"] == "incomplete"

    def test_nothing_run_is_incomplete(self):
        built = card(dict.fromkeys([e.key for e in ENTRIES]))
        assert {e["outcome"] for e in built["checks"]} == {"not_run"}
        assert built["verdict"]["status"] == "incomplete"

    def test_what_is_not_claimed_is_not_required(self):
        built = card(claims=Claims(tasks=("sentiment",)))
        assert built["checks"][-1]["outcome"] == "not_claimed"
        assert not built["checks"][-1]["required"]
        assert built["verdict"]["scope"] == ["sentiment"]
        assert built["verdict"]["status"] == "conformant"

    def test_a_smaller_claim_leaves_larger_requests_out(self):
        # 7 % of the rows is within the claim, 10 % is not: forgetting on one task, utility on none.
        built = card(claims=Claims(max_ratio=0.08))
        assert [e["required"] for e in built["checks"]] == [True, True, False, False, False, True]
        assert built["verdict"]["status"] == "incomplete"

    def test_a_weaker_guarantee_asks_for_less(self):
        assert [e["required"] for e in card(claims=Claims(guarantee="suppression"))["checks"]][3] is False

    @pytest.mark.parametrize("claims", [Claims(tasks=()), Claims(modalities=()), Claims(tasks=("no such task",))])
    @pytest.mark.parametrize("outcome", ["passed", "failed", "waived"])
    def test_claiming_nothing_is_never_conformant(self, claims, outcome):
        built = card({ENTRIES[0].key: outcome}, claims=claims)
        assert [e["id"] for e in built["checks"] if e["required"]] == ["contract.claims"]
        assert built["verdict"]["status"] not in CONFORMANT

    def test_claiming_nothing_is_never_conformant_on_a_real_manifest(self):
        listed = entries(find_task("sentiment"), PROFILES["smoke"], 42)
        assert {e.scenario for e in listed} == {
            "sentiment/contract",
            "sentiment/random-10%",
            "sentiment/mislabelled-10%",
        }
        assert card(listed=listed)["verdict"]["status"] == "conformant"
        for claims in (Claims(tasks=()), Claims(max_ratio=0.01)):
            assert card(claims=claims, listed=listed)["verdict"]["status"] not in CONFORMANT

    def test_a_mislabelled_check_is_asked_of_mislabelled_sets_alone(self):
        listed = entries(find_task("sentiment"), PROFILES["smoke"], 42)
        assert {e.scenario for e in listed if e.check == "forgetting.mislabelled"} == {"sentiment/mislabelled-10%"}

    def test_numpys_numbers_become_plain(self):
        value = card()["checks"][2]["measurements"][0]["value"]
        assert type(value) is float

    def test_reproducing_names_the_check_on_its_scenario(self):
        line = card(reproduce_options=" --mu-seed 7")["checks"][2]["reproduce"]
        assert line == 'pytest --method mypkg:Mine --mu-task sentiment --mu-seed 7 -k "random-10pct-forgetting.score"'

    def test_the_manifests_digest_is_of_the_questions_alone(self):
        assert manifest_digest(ENTRIES) == manifest_digest(reversed(ENTRIES)) == card()["suite"]["manifest_sha256"]
        assert manifest_digest(ENTRIES) != manifest_digest(ENTRIES[1:])
        assert manifest_digest(ENTRIES) != manifest_digest([*ENTRIES, ENTRIES[0]])

    def test_the_environment_is_plain_json(self):
        found = environment("cpu")
        assert json.loads(json.dumps(found)) == found
        assert found["torch"] == torch.__version__.partition("+")[0] or found["torch"] == torch.__version__
        assert found["device"] == "cpu"
