"""Bad input: usage errors (exit status 4) of one line that say what to do; and where the suites are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# pytester forgets modules that a run in this process imports, and torch cannot be imported twice: import it here.
import mu_conformance.plugins.session  # noqa: F401
import pytest

from mu_conformance.tasks import registry

registry.tasks()


@pytest.fixture
def inside(toy, pytester, monkeypatch):
    """Run pytest in this process, so that torch is imported once for all of these; returns (exit status, error)."""
    monkeypatch.chdir(toy.folder)

    def run(*options: str) -> tuple[int, str]:
        result = pytester.runpytest_inprocess("test_toy.py", "-p", "no:cacheprovider", *options)
        return int(result.ret), "\n".join(line for line in result.errlines if line.startswith("ERROR"))

    return run


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("toy_method:retrain", "did you mean toy_methods"),
        ("toy_methods:retrian", "did you mean retrain"),
        ("toy_methods:NeedsArguments", "needs arguments (strength, rounds)"),
        ("toy_methods:not_a_method", "is a int"),
        (
            "mu_conformance.methods:FineTune(epoch_share=1)",
            "did you mean epochs_share? it has: epochs_share, learning_",
        ),
        ("toy_methods:RaisesAtImportTime", "claims must be a mu_conformance.Claims"),
        ("mypkg.unknown", "neither PKG:ATTR nor an entry point"),
    ],
)
def test_unusable_methods(inside, method, says):
    status, error = inside("--method", method)
    assert status == 4
    assert says in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--mu-profile", "smok"], "did you mean smoke"),
        (["--mu-task", "sentimental"], "did you mean sentiment"),
        (["--mu-task", "sentiment", "--mu-model", "resnet-18"], "the choices are: albert, bert"),
        (["--mu-model", "mlpp"], "not an architecture of task toy, which has mlp"),
        (["--mu-runs", "none"], "takes a number"),
        (["--mu-references", "1"], "at least 3"),
        (["--mu-seed", "-1"], "at least 0"),
        (["--mu-report", "test_toy.py"], "is a file"),
        (["--mu-report", "/proc/nowhere"], "cannot be written"),
        (["--mu-cache", "test_toy.py"], "is a file"),
        (["--mu-waivers", "missing.toml"], "cannot be read"),
        (["--mu-baseline", "missing.json"], "cannot be read"),
        (["--mu-data", "hubb"], "did you mean hub"),
        (["--mu-data", "hub", "--mu-task", "tabular"], "unknown task on published data"),
        (["--mu-device", "cuda:9"], "cannot be used here"),
        (["--mu-profile", "thorough", "--mu-in-process"], "isolated only"),
        (["--mu-sandbox", "of"], "--mu-sandbox: unknown kind of sandbox 'of'"),
        (["--mu-profile", "thorough", "--mu-sandbox", "off"], "runs the method in a sandbox only"),
        (["--mu-budget", "much"], "--mu-budget much: a budget is a share of retraining's FLOPs, such as 0.2"),
        (["--mu-budget", "0"], "above 0"),
        (["--mu-peft", "lora"], "such as lora:8"),
        (["--mu-ratio", "0.6"], "--mu-ratio: a deletion ratio must lie in (0, 0.5], got 0.6"),
        (["--mu-ratio", "0"], "got 0"),
        (["--mu-shards", "1"], "two shards or more"),
        (["--mu-curriculum", "easy"], "the choices are: superloss"),
        (["-o", "mu_profil=smoke"], "unknown ini key 'mu_profil'"),
    ],
)
def test_bad_options(inside, options, says):
    status, error = inside("--method", "toy_methods:retrain", *options)
    assert status == 4
    assert says in error
    assert len(error.strip().splitlines()) == 1


def test_unwritable_cache_costs_a_warning_not_the_run(toy):
    run = toy.run("retrain", "--mu-cache", "/proc/nowhere", "-k", "contract-contract.finite")
    assert run.outcomes()["contract.finite", "toy/contract"] == "passed", run.output


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KiB that has no room left."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a really full disk needs the right to mount a small one")
    with pytest.raises(OSError, match="No space left"):
        (folder / "filler").write_bytes(bytes(1 << 20))
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_cache_costs_a_warning_not_the_run(toy, full_disk):
    run = toy.run("retrain", "--mu-cache", str(full_disk))
    assert run.status == 0, run.output
    assert run.card["verdict"]["status"] == "conformant"
    assert "cannot be written" in run.output
    assert "Name another with --mu-cache" in run.output
    assert not list(full_disk.rglob("*.partial"))


def collected(folder: Path, *options: str, method: bool = True) -> list[str]:
    chosen = ["--method", "mu_conformance.methods:Retrain"] if method else []
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--collect-only", *chosen, *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_packaged_suites_run_whatever_the_repository_is_set_up_for(tmp_path):
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    other.mkdir()
    (other / "pytest.ini").write_text(
        "[pytest]\ntestpaths = checks\npython_files = check_*.py\npython_classes = Check\npython_functions = check\n"
    )
    (other / "checks").mkdir()
    (other / "checks" / "check_own.py").write_text("def check_own():\n    assert 1 + 1 == 2\n")
    from_empty = [name.rpartition("::")[2] for name in collected(empty)]
    from_other = [name.rpartition("::")[2] for name in collected(other)]
    assert len(from_empty) > 150
    assert from_other == from_empty
    assert [name.rpartition("::")[2] for name in collected(other, method=False)] == ["check_own"]
    assert len(collected(empty, "--mu-task", "sentiment")) < len(from_empty)


def test_a_plain_run_imports_neither_torch_nor_our_fixtures(tmp_path):
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\ndef test_nothing_heavy():\n"
        "    heavy = {'torch', 'transformers', 'numpy', 'scipy', 'mu_conformance.protocol'} & set(sys.modules)\n"
        "    assert not heavy\n    assert 'mu_conformance.plugins.entry' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    fixtures = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--fixtures", "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "mu_judgement" not in fixtures.stdout


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ('[{"x": torch.ones(2)} for _ in range(9)]', "task toy: the train rows have no column 'labels'"),
        (
            '[{"x": torch.ones(2 + n % 2), "labels": 0} for n in range(9)]',
            "train rows: row 1: column 'x' has the shape",
        ),
        (
            '[{"x": torch.full((2,), n / (1 - n)), "labels": 0} for n in range(9)]',
            "load_splits raised ZeroDivisionError",
        ),
        ('[{"x": torch.full((2,), float("nan")), "labels": 0}]', "row 0: column 'x' holds NaN"),
    ],
)
def test_unusable_rows_of_an_own_task(toy, rows, says):
    task = toy.folder / "toy_task.py"
    assert task.is_file()
    text = task.read_text().replace("return Splits(", f"return Splits(*[{rows}] * 3); Splits(")
    task.write_text(text)
    run = toy.run("retrain", "-k", "finite")
    assert run.status == 4, run.output
    assert says in run.output
