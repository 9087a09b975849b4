"""From PKG:ATTR to a method, and from returned weights to a model of the suite's own."""

from __future__ import annotations

import hashlib
import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from mu_conformance.call_record import judge_call, load_state
from mu_conformance.isolation.child import RequestRows
from mu_conformance.isolation.job import CallResult, CallSpec, JobFolder
from mu_conformance.isolation.loading import (
    LoadersAdapter,
    MethodError,
    TrainerAdapter,
    claims_of,
    describe,
    load_method,
    load_object,
)
from mu_conformance.judging import Judge, Settings
from mu_conformance.protocol import Budget, Claims, DeletionRequest, TrainingRecipe
from mu_conformance.task import ClassificationTask, RequestTask, Rows, Splits

MODULE = """
from mu_conformance import Claims

class Plain:
    claims = Claims(needs_retain=False)
    def unlearn(self, model, request):
        return ("plain", model, request)

class NeedsArguments:
    def __init__(self, rate, *, steps, momentum=0.9):
        self.rate = rate
    def unlearn(self, model, request):
        return model

class Breaks:
    def __init__(self):
        raise OSError("no weights here")
    def unlearn(self, model, request):
        return model

class NoMethod:
    unlearn = 3

class WrongClaims(Plain):
    claims = {"guarantee": "exact"}

class Callable2:
    claims = Claims(max_ratio=0.05)
    def __call__(self, model, request):
        return ("called", model, request)

instance = Plain()
called = Callable2()
number = 7

def factory():
    return Plain()

def keyword_factory(rate=0.1):
    return Plain()

def bad_factory():
    return 3

def broken_factory():
    raise KeyError("rate")

def two(model, request):
    return ("two", model, request)

two.claims = Claims(guarantee="exact")

def one(model):
    return model

def three(model, forget, retain):
    return model

def four(model, retain_loader, forget_loader, validation_loader, rate=0.1):
    return model

class Nested:
    Inner = Plain
"""


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with a vendor's modules, under names that no other test imports."""
    (tmp_path / "mu_vendor.py").write_text(MODULE)
    (tmp_path / "mu_vendor_pkg").mkdir()
    (tmp_path / "mu_vendor_pkg" / "__init__.py").touch()
    (tmp_path / "mu_vendor_pkg" / "unlearning.py").write_text("class Method:\n    def unlearn(self, m, r): return m\n")
    (tmp_path / "mu_vendor_needs.py").write_text("import mu_vendor_absent_dependency\n")
    (tmp_path / "mu_vendor_raises.py").write_text("raise RuntimeError('no licence found')\n")
    (tmp_path / "mu_vendor_syntax.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("mu_vendor")]:
        del sys.modules[name]


@pytest.mark.usefixtures("vendor")
class TestShapes:
    @pytest.mark.parametrize(
        ("attribute", "returned"),
        [
            ("Plain", "plain"),
            ("instance", "plain"),
            ("factory", "plain"),
            ("keyword_factory", "plain"),
            ("two", "two"),
            ("called", "called"),
            ("Nested.Inner", "plain"),
        ],
    )
    def test_every_shape_becomes_the_protocol(self, attribute, returned):
        method = load_method(f"mu_vendor:{attribute}")
        assert method.unlearn("model", "request") == (returned, "model", "request")

    def test_a_module_of_a_package(self):
        assert load_method("mu_vendor_pkg.unlearning:Method").unlearn("model", None) == "model"

    def test_the_instance_is_the_vendors_own(self):
        assert load_method("mu_vendor:instance") is load_object("mu_vendor:instance")

    @pytest.mark.parametrize(
        ("attribute", "claims"),
        [
            ("Plain", Claims(needs_retain=False)),
            ("factory", Claims(needs_retain=False)),
            ("two", Claims(guarantee="exact")),
            ("called", Claims(max_ratio=0.05)),
            ("four", Claims()),
        ],
    )
    def test_claims(self, attribute, claims):
        assert claims_of(load_method(f"mu_vendor:{attribute}")) == claims

    def test_claims_of_a_wrong_type_are_refused(self):
        with pytest.raises(MethodError, match=r"claims must be a mu_conformance\.Claims, got dict"):
            claims_of(load_method("mu_vendor:WrongClaims"))

    @pytest.mark.parametrize(
        ("attribute", "message"),
        [
            (
                "NeedsArguments",
                r"constructor of 'mu_vendor:NeedsArguments' needs arguments \(rate, steps\); name a zero-",
            ),
            ("NoMethod", r"class 'mu_vendor:NoMethod' has no method unlearn\(model, request\)"),
            ("number", r"'mu_vendor:number' is a int, not a class, factory, instance or function"),
            ("bad_factory", r"factory 'mu_vendor:bad_factory' returned a int without unlearn\(model, request\)"),
            ("broken_factory", r"factory 'mu_vendor:broken_factory' raised KeyError: 'rate'"),
            (
                "one",
                r"function 'mu_vendor:one' takes 1 arguments; expected f\(model, request\) or f\(model, retain_loader",
            ),
            ("three", r"function 'mu_vendor:three' takes 3 arguments; expected"),
        ],
    )
    def test_what_cannot_be_used_is_named_with_what_to_do(self, attribute, message):
        with pytest.raises(MethodError, match=message):
            load_method(f"mu_vendor:{attribute}")

    def test_a_constructor_that_raises_is_named(self):
        with pytest.raises(MethodError, match=r"mu_vendor:Breaks.*OSError: no weights here"):
            load_method("mu_vendor:Breaks")

    def test_a_trainer_subclass_is_recognised_by_its_base(self):
        # A class of that name and module stands in for transformers.Trainer, which needs accelerate to be used.
        base = type("Trainer", (), {"__module__": "transformers.trainer"})
        mine = type("Mine", (base,), {"claims": Claims(deterministic=False)})
        importlib.import_module("mu_vendor").Mine = mine
        method = load_method("mu_vendor:Mine")
        assert isinstance(method, TrainerAdapter)
        assert claims_of(method) == Claims(deterministic=False)


@pytest.mark.usefixtures("vendor")
class TestNames:
    @pytest.mark.parametrize(
        ("ref", "message"),
        [
            ("mu_vendor:Plane", r"module 'mu_vendor' has no attribute 'Plane'; did you mean Plain\?"),
            ("mu_vendor:zzzzzz", r"module 'mu_vendor' has no attribute 'zzzzzz'$"),
            ("mu_vendro:Plain", r"no module named 'mu_vendro' for method .*did you mean .*mu_vendor\b"),
            ("mu_vendor_pkg.unlearnin:Method", r"no module named .*; did you mean mu_vendor_pkg\.unlearning\?"),
            ("qqqxyzzy:Plain", r"no module named 'qqqxyzzy' .*is it installed in this environment, or in the folder"),
            ("mu_vendor_needs:X", r"importing it needs the missing module 'mu_vendor_absent_dependency'"),
            ("mu_vendor_raises:X", r"importing it raised RuntimeError: no licence found"),
            ("mu_vendor_syntax:X", r"importing it raised SyntaxError"),
            ("mu_vendor:", r"not of the form module:attribute, such as mypkg:MyUnlearner"),
            (":Plain", r"not of the form module:attribute"),
        ],
    )
    def test_what_is_not_there(self, ref, message):
        with pytest.raises(MethodError, match=message):
            load_method(ref)

    def test_an_unknown_entry_point_says_what_is_installed(self):
        with pytest.raises(
            MethodError, match=r"'nobody' is neither PKG:ATTR nor an entry point of mu_conformance.methods"
        ):
            load_method("nobody")

    def test_an_entry_point_is_found_by_name(self, vendor):
        folder = vendor / "mu_vendor-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mu-vendor\nVersion: 1.2\n")
        (folder / "entry_points.txt").write_text("[mu_conformance.methods]\nquick = mu_vendor:two\n")
        assert load_method("quick").unlearn("m", "r") == ("two", "m", "r")
        with pytest.raises(MethodError, match=r"'slow' is neither .*quick"):
            load_method("slow")

    def test_a_description_names_the_source(self, vendor):
        found = describe("mu_vendor:two")
        assert found["module"] == "mu_vendor"
        assert found["source_sha256"] == hashlib.sha256(MODULE.encode()).hexdigest()
        assert Claims.from_json(found["claims"]) == Claims(guarantee="exact")
        assert found["distribution"] is None


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x, labels=None):
        return types.SimpleNamespace(logits=self.linear(x), loss=None)


class Toy(ClassificationTask):
    name = "toy"
    modality = "tabular"
    summary = "rows for these tests"
    architectures = ("linear",)
    num_classes = 3

    def load_splits(self) -> Splits:
        raise NotImplementedError

    def build_model(self, architecture: str) -> nn.Module:
        return Linear()


def rows_of(n: int) -> Rows:
    return Rows({"x": torch.arange(2.0 * n).reshape(n, 2), "labels": torch.arange(n) % 3})


TASK = Toy()


def request_of(forget: Rows, retain: Rows) -> DeletionRequest:
    columns = ("x", "labels")
    return DeletionRequest(
        RequestRows(forget, columns),
        RequestRows(retain, columns),
        RequestTask(TASK, "linear"),
        TrainingRecipe(1, 4, 0.1),
        3,
        torch.device("cpu"),
        Budget(),
    )


class TestLoadersAdapter:
    def test_it_gives_the_four_things_in_the_published_order(self):
        seen = {}

        def function(model, retain_loader, forget_loader, validation_loader):
            loaders = {"retain": retain_loader, "forget": forget_loader, "validation": validation_loader}
            for name, loader in loaders.items():
                found = list(loader)
                assert max(len(batch["labels"]) for batch in found) <= 4
                seen[name] = sorted(torch.cat([batch["x"][:, 0] for batch in found]).tolist())

        forget, retain = rows_of(5), rows_of(30)
        LoadersAdapter(function).unlearn(TASK.new_model(0), request_of(forget, retain))
        assert seen["forget"] == [0, 2, 4, 6, 8]
        assert seen["retain"] == [2.0 * i for i in range(30)]
        # a tenth of the retain rows, and none that was never trained on
        assert seen["validation"] == [0, 20, 40]

    def test_none_means_that_a_copy_was_changed(self):
        def function(model, retain_loader, forget_loader, validation_loader):
            model.linear.bias.data.fill_(9.0)

        original = TASK.new_model(0)
        before = original.linear.bias.clone()
        returned = LoadersAdapter(function).unlearn(original, request_of(rows_of(3), rows_of(20)))
        assert returned.linear.bias.tolist() == [9.0] * 3
        assert torch.equal(original.linear.bias, before)

    def test_a_model_that_is_returned_is_the_result(self):
        other = Linear()
        adapter = LoadersAdapter(lambda model, retain, forget, validation: other)
        assert adapter.unlearn(TASK.new_model(0), request_of(rows_of(3), rows_of(20))) is other

    def test_the_order_of_rows_follows_the_requests_seed(self):
        def orders(ambient: int) -> list[float]:
            found: list[float] = []

            def function(model, retain_loader, *others):
                found.extend(x for batch in retain_loader for x in batch["x"][:, 0].tolist())
                found.append(torch.rand(()).item())

            torch.manual_seed(ambient)
            adapter = LoadersAdapter(lambda model, retain, forget, validation: function(model, retain))
            adapter.unlearn(TASK.new_model(0), request_of(rows_of(3), rows_of(20)))
            return found

        assert orders(1) == orders(2)


class TestLoadState:
    def test_weights_that_fit_are_loaded(self):
        model, other = TASK.new_model(0), TASK.new_model(1)
        assert load_state(model, other.state_dict()) == []
        assert torch.equal(model.linear.weight, other.linear.weight)

    @pytest.mark.parametrize(
        ("change", "problems"),
        [
            ({"linear.bias": None}, ["missing linear.bias"]),
            ({"extra": torch.zeros(1)}, ["unexpected extra"]),
            ({"linear.bias": torch.zeros(4)}, ["linear.bias has shape (4,), expected (3,)"]),
            (
                {"linear.bias": torch.zeros(3, dtype=torch.float64)},
                ["linear.bias has dtype torch.float64, expected torch.float32"],
            ),
            ({"steps": torch.zeros(())}, ["steps has dtype torch.float32, expected torch.int64"]),
            (
                {"linear.bias": None, "model.linear.bias": torch.zeros(3)},
                ["missing linear.bias", "unexpected model.linear.bias"],
            ),
        ],
    )
    def test_what_does_not_fit_is_listed_and_nothing_is_loaded(self, change, problems):
        model = TASK.new_model(0)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        state = {**TASK.new_model(1).state_dict(), **change}
        assert load_state(model, {name: tensor for name, tensor in state.items() if tensor is not None}) == problems
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def call_of(model: nn.Module, forget: Rows, retain: Rows | None, **changes) -> CallResult:
    probes = [model(x=rows.columns["x"]).logits.detach() for rows in (forget, retain) if rows is not None]
    fields = {"state": dict(model.state_dict()), "probe": torch.cat(probes), **changes}
    return CallResult("returned", **fields)


class TestJudgeCall:
    forget, retain = rows_of(4), rows_of(10)

    def judge(self, call: CallResult, retain: Rows | None = retain):
        return judge_call(call, TASK, "linear", self.forget, retain, Budget())

    @pytest.mark.parametrize("kept", [retain, None])
    def test_an_honest_call_explains_its_outputs(self, kept):
        returned = TASK.new_model(5)
        record, model = self.judge(call_of(returned, self.forget, kept), kept)
        assert record.problems() == ()
        assert record.weights_gap == pytest.approx(0, abs=1e-6)
        assert torch.equal(model.linear.weight, returned.linear.weight)
        assert model is not returned

    @pytest.mark.parametrize("row", [0, 13])
    def test_an_output_filter_shows_as_a_gap(self, row):
        # Rows 0-3 of the probe are forget rows, 4-13 retain rows; the filter adds 0.5 to one logit.
        call = call_of(TASK.new_model(5), self.forget, self.retain)
        call.probe[row, 1] += 0.5
        record, _ = self.judge(call)
        assert record.weights_gap == pytest.approx(0.5, abs=1e-5)

    def test_outputs_of_another_shape_cannot_be_compared(self):
        record, _ = self.judge(call_of(TASK.new_model(5), self.forget, self.retain, probe=torch.zeros(14, 2)))
        assert record.weights_gap is None

    def test_weights_that_do_not_fit_give_no_model(self):
        record, model = self.judge(call_of(TASK.new_model(5), self.forget, self.retain, state={"w": torch.zeros(1)}))
        assert model is None
        assert "unexpected w" in record.problems()
        assert record.weights_gap is None

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_not_finite_are_named(self, value):
        returned = TASK.new_model(5)
        returned.linear.bias.data[1] = value
        record, _ = self.judge(call_of(returned, self.forget, self.retain))
        assert record.not_finite == ("linear.bias",)
        assert record.problems() == ("NaN or infinite values in linear.bias",)

    @pytest.mark.parametrize("status", ["unusable", "raised", "escaped", "killed", "timeout"])
    def test_a_call_without_weights_says_why(self, status):
        record, model = self.judge(CallResult(status, "as it ended"))
        assert model is None
        assert record.problems() == (f"{status}: as it ended",)


class TestJobFolder:
    @pytest.mark.parametrize("retain", [rows_of(6), None])
    def test_a_call_survives_the_folder(self, tmp_path, retain):
        spec = CallSpec(
            "mod:Task", "linear", TrainingRecipe(2, 4, 0.1, warmup=0.1), dict(TASK.new_model(0).state_dict()), rows_of(3),
            retain, 7, 8, "cpu", Budget(1.5, 20), ("linear.bias",),
        )  # fmt: skip
        job = JobFolder(tmp_path / "job")
        job.write(spec, {"method_ref": "a:B"})
        read, header = JobFolder(tmp_path / "job").read_spec()
        assert read.header() == spec.header()
        assert header["method_ref"] == "a:B"
        assert all(torch.equal(read.state[name], tensor) for name, tensor in spec.state.items())
        assert read.forget.digest() == spec.forget.digest()
        assert (read.retain is None) == (retain is None)
        assert retain is None or read.retain.digest() == retain.digest()
        assert {path.suffix for path in job.path.iterdir() if path.is_file()} == {".json", ".safetensors"}

    def test_no_rows_at_all_survive_it_too(self, tmp_path):
        spec = CallSpec("mod:Task", "linear", TrainingRecipe(1, 1, 1.0), {}, rows_of(3).select([]), None, 0)
        job = JobFolder(tmp_path / "job")
        job.write(spec, {})
        assert len(job.read_spec()[0].forget) == 0


class TestRequestRows:
    def test_it_counts_what_is_read(self):
        data = RequestRows(rows_of(5), ("x",))
        assert data[1].keys() == {"x"}
        data.batch(torch.tensor([1, 1, 4]))
        assert data[-1]["x"].tolist() == [8.0, 9.0]
        assert data._read.tolist() == [0, 3, 0, 0, 2]

    @pytest.mark.parametrize("index", [5, -6])
    def test_it_ends_where_its_rows_end(self, index):
        data = RequestRows(rows_of(5), ("x",))
        with pytest.raises(IndexError, match=f"row {index} of 5"):
            data[index]
        assert len([row for row in data]) == 5  # noqa: C416


def test_a_trainer_subclass_trains_on_the_retain_set(tmp_path, monkeypatch):
    toy = str(Path(__file__).parent / "toy")
    settings = Settings(cache=tmp_path / "cache", tasks=("image_classification",))
    judge = Judge("toy_trainer:RetainTrainer", settings, sys_path=[toy, *sys.path])
    try:
        laboratory = judge.laboratory("image_classification")
        record, unusable = laboratory.usable(laboratory.usual)
    finally:
        judge.close()
    assert unusable is None, unusable
    assert record.call.report["global_changes"] == []
    moved = [
        not torch.equal(record.call.state[name], tensor) for name, tensor in laboratory.original().state_dict().items()
    ]
    assert any(moved)
    # two epochs over the forty rows that the laboratory retains, and none of the forget set
    assert record.call.report["reads"]["retain"] == {"rows": 40, "draws": 80, "of": 40}
    assert record.call.report["reads"]["forget"]["draws"] == 0
