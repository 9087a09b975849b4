"""The plugin from outside: real runs over the toy task, isolated methods, real scorecards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from mu_conformance.scorecard import verification

OF_THE_MOMENT = ("cost.wall-clock", "cost.peak-memory", "robustness.unseen-request")
"""What is measured of the machine, or of a model whose seed nothing foretells."""


def findings(card):
    """What must be the same whichever way a run is distributed."""
    return {
        (e["id"], e["scenario"]): (e["outcome"], json.dumps(e["measurements"], sort_keys=True))
        for e in card["checks"]
        if e["id"] not in OF_THE_MOMENT
    }


def test_retraining_is_conformant_and_xdist_changes_nothing(toy, tmp_path):
    steps = tmp_path / "steps.md"
    alone = toy.run("retrain", "-n", "0", GITHUB_STEP_SUMMARY=str(steps))
    assert alone.status == 0, alone.output
    card = alone.card
    assert card["verdict"]["status"] == "conformant"
    asked = [entry for entry in card["checks"] if entry["level"] == "must"]
    assert card["verdict"]["passed"] == card["verdict"]["required"] == len(asked)
    assert verification.verify(card) == []
    assert list(card)[-1] == "complete"
    assert all(power["separation"] >= 6 for power in card["suite"]["power"])
    assert {power["scenario"] for power in card["suite"]["power"]} == {"toy/random-10%", "toy/mislabelled-10%"}
    assert "conformant" in steps.read_text()
    assert (toy.folder / "mu-report" / "scorecard.md").read_text().startswith("# mu-conformance: toy_methods:retrain")
    spread = toy.run("retrain", "-n", "2")
    assert spread.status == 0, spread.output
    assert findings(spread.card) == findings(card)
    # the earlier scorecard is kept aside, so that a run that dies leaves none that looks like its own
    assert (toy.folder / "mu-report" / "scorecard.previous.json").exists()


@pytest.mark.parametrize("method", ["make_retrain", "instance", "mu_conformance.methods:Retrain"])
def test_the_other_shapes_of_a_method_load(toy, method):
    run = toy.run(method, "-k", "contract-contract.finite")
    assert run.outcomes()["contract.finite", "toy/contract"] == "passed", run.output


def test_a_four_argument_callable_is_adapted(toy):
    run = toy.run("loaders", "-k", "contract-contract")
    assert run.outcomes()["contract.returns-model", "toy/contract"] == "passed", run.output


def test_a_method_without_retain_rows_is_compared_with_its_weights_on_real_requests(toy):
    run = toy.run("mu_conformance.methods:GradientAscent", "-k", "contract.weights-only")
    assert set(run.outcomes("contract.weights-only").values()) == {"passed"}, run.output


def test_a_selection_is_incomplete(toy):
    run = toy.run("retrain", "-k", "contract-contract.finite")
    assert run.status == 1
    assert run.card["verdict"]["status"] == "incomplete"
    assert run.card["verdict"]["passed"] == 1
    assert run.card["verdict"]["required"] == sum(entry["level"] == "must" for entry in run.card["checks"])


def test_a_method_that_raises_on_real_requests(toy):
    # one -q of the command and one -v make pytest's usual verbosity
    run = toy.run("RaisesOnReal", "-v")
    assert run.status == 1
    outcomes = run.outcomes()
    real = {check: o for (check, scenario), o in outcomes.items() if scenario != "toy/contract"}
    # it serves requests for one row
    assert real.pop("robustness.few-rows") == "passed"
    assert set(real.values()) == {"error"}
    assert outcomes["contract.returns-model", "toy/contract"] == "passed"
    assert "too many rows" in run.output


@pytest.mark.parametrize(
    ("method", "check", "says"),
    [
        ("ReturnsNone", "contract.returns-model", "returned NoneType"),
        ("OtherArchitecture", "contract.returns-model", "does not fit"),
        ("NanWeights", "contract.finite", "head.weight"),
        ("OtherDevice", "contract.returns-model", "meta"),
        ("KillsItsParent --mu-sandbox off", "contract.returns-model", "killed"),
        ("LeavesThingsRunning", "contract.global-state-unchanged", "left"),
        ("TriesTheNetwork", "contract.no-network", "tried to connect: socket."),
        ("TrainingMode", "contract.mode-and-device-preserved", "training mode"),
        ("ReadsSuiteFiles", "contract.declared-access", "snippets.tsv"),
        ("ReadsSuiteFilesByALink", "contract.declared-access", "snippets.tsv"),
        ("RestartsTheLoader", "contract.order-invariant", "first batch"),
        ("ResetsGlobalSeed", "contract.global-state-unchanged", "reseeded"),
    ],
)
def test_a_broken_method_is_caught(toy, method, check, says):
    run = toy.run(*method.split(), "-k", "contract-contract", "--mu-time-limit", "20")
    assert run.status == 1
    entry = next(e for e in run.card["checks"] if e["id"] == check and e["scenario"] == "toy/contract")
    assert entry["outcome"] in ("failed", "error")
    assert says in entry["message"]


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_rows_written_by_native_code_into_another_folder_are_found(toy, sandbox):
    target = toy.folder / "elsewhere"
    target.mkdir()
    # In the sandbox, only folders of the call's own can be written.
    where = str(target) if sandbox == "off" else os.path.expanduser("~")
    options = ("-k", "contract-contract.no-residue", "--mu-sandbox", sandbox)
    run = toy.run("WritesNatively", *options, TOY_TARGET=where)
    entry = next(e for e in run.card["checks"] if e["id"] == "contract.no-residue" and e["scenario"] == "toy/contract")
    assert entry["outcome"] == "failed"
    assert "kept.pt" in entry["message"]


def test_a_method_that_never_returns_is_stopped(toy):
    run = toy.run("NeverReturns", "-k", "contract-contract.budget or contract-contract.returns", "--mu-time-limit", "1")
    assert run.status == 1
    assert run.outcomes()["contract.budget-respected", "toy/contract"] == "failed"
    assert run.outcomes()["contract.returns-model", "toy/contract"] == "failed"


def test_megabytes_of_output_do_no_harm(toy):
    run = toy.run("Chatty", "-k", "contract-contract.returns-model")
    assert run.outcomes()["contract.returns-model", "toy/contract"] == "passed"
    assert len(run.output) < 100_000


@pytest.mark.parametrize("method", ["ForgetsHalf", "ForgetsThreeQuarters"])
def test_partial_forgetting_is_not_conformant(toy, method):
    run = toy.run(method)
    assert run.status == 1
    assert run.card["verdict"]["status"] in ("nonconformant", "incomplete")
    bad = {e["id"] for e in run.card["checks"] if e["outcome"] != "passed"}
    assert "privacy.membership-loss" in bad


def test_claims_narrow_what_is_required_and_claiming_nothing_fails(toy):
    run = toy.run("OnlyText")
    assert run.status == 1
    outcomes = run.outcomes()
    assert outcomes["contract.claims", "toy/contract"] == "failed"
    assert outcomes["forgetting.loss", "toy/random-10%"] == "not_claimed"


def test_waivers(toy):
    (toy.folder / "waivers.toml").write_text(
        '[[waiver]]\ncheck = "contract.global-state-unchanged"\nscenario = "toy/*"\nreason = "known, ticket 12"\n'
    )
    waived = toy.run("ResetsGlobalSeed", "--mu-waivers", "waivers.toml")
    assert waived.status == 0, waived.output
    assert waived.card["verdict"]["status"] == "conformant_with_waivers"
    assert set(waived.outcomes("contract.global-state-unchanged").values()) == {"waived"}
    stale = toy.run("retrain", "--mu-waivers", "waivers.toml", "-k", "contract-contract.global")
    assert stale.status == 1
    assert stale.outcomes()["contract.global-state-unchanged", "toy/contract"] == "stale_waiver"


def test_a_regression_against_a_baseline_fails(toy):
    assert toy.run("retrain").status == 0
    os.rename(toy.folder / "mu-report" / "scorecard.json", toy.folder / "base.json")
    run = toy.run("ResetsGlobalSeed", "--mu-baseline", "base.json", "-k", "contract-contract.global")
    assert run.status == 1
    assert "regression: contract.global-state-unchanged on toy/contract: passed before, failed now" in run.output
    advised = toy.run("TrainingMode", "--mu-baseline", "base.json", "-k", "contract-contract.mode")
    assert "regression: contract.mode-and-device-preserved on toy/contract" not in advised.output


def children(pid) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def descendants(pid) -> list[str]:
    """The process itself and all that came of it."""
    try:
        return [pid, *(found for child in children(pid) for found in descendants(child))]
    except OSError:
        return []


def test_a_killed_worker_never_makes_a_pass(toy):
    process = subprocess.Popen(
        toy.command("retrain", "-n", "2", "--mu-references", "20", "--max-worker-restart", "0"),
        cwd=toy.folder,
        env=toy.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 120
    killed = False
    while not killed and process.poll() is None and time.monotonic() < deadline:
        # a worker is a child that runs execnet's bootstrap; all are at work when each has taken a fork server from the
        # shared one
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(process.pid)}
        workers = [pid for pid, command in commands.items() if b"stdin.readline" in command]
        servers = [pid for pid, command in commands.items() if b"isolation.fork_server" in command]
        # in a sandbox, the server is a child's child of the process that was started
        if any(len(children(pid)) == 2 for server in servers for pid in descendants(server)):
            time.sleep(2)
            os.kill(int(workers[0]), signal.SIGKILL)
            killed = True
        time.sleep(0.1)
    output = process.communicate(timeout=200)[0]
    assert killed, output
    assert process.returncode != 0
    card = json.loads((toy.folder / "mu-report" / "partial" / "scorecard.json").read_text())
    assert card["verdict"]["status"] not in ("conformant", "conformant_with_waivers")
    assert {e["outcome"] for e in card["checks"]} & {"error", "not_run"}


def test_in_process_is_for_debugging_and_says_so(toy):
    run = toy.run("retrain", "--mu-in-process", "-k", "contract-contract.finite")
    assert run.outcomes()["contract.finite", "toy/contract"] == "passed", run.output
    assert run.card["suite"]["isolated"] is False


def test_several_methods_get_a_scorecard_each(toy):
    run = toy.run("retrain", "--method", "toy_methods:TrainingMode", "-k", "contract-contract.mode")
    assert run.status == 1
    paths = (toy.folder / "mu-report").glob("*/partial/scorecard.json")
    cards = {path.parents[1].name: json.loads(path.read_text()) for path in paths}
    assert set(cards) == {"1-retrain", "2-TrainingMode"}
    outcome = {
        name: next(e["outcome"] for e in card["checks"] if e["id"] == "contract.mode-and-device-preserved")
        for name, card in cards.items()
    }
    assert outcome == {"1-retrain": "passed", "2-TrainingMode": "failed"}
    beside = (toy.folder / "mu-report" / "partial" / "methods.md").read_text()
    for ref in ("toy_methods:retrain", "toy_methods:TrainingMode"):
        assert f"| {ref} | incomplete |" in beside or f"| {ref} | nonconformant |" in beside
        assert any(line.startswith(ref) for line in run.output.splitlines())
