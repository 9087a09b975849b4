"""From PKG:ATTR to a method: the shapes that one may have, and names that lead nowhere."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mu_conformance.adapters.describing import claims_of, describe
from mu_conformance.adapters.loading import load_method
from mu_conformance.adapters.trainer import TrainerAdapter
from mu_conformance.discovery import MethodError, load_object
from mu_conformance.protocol.claims import Claims

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
                r"constructor of 'mu_vendor:NeedsArguments' needs arguments \(rate, steps\); give them, such as "
                r"mu_vendor:NeedsArguments\(rate=...\), or name a zero-argument factory",
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
class TestHyperparameters:
    def test_a_class_is_called_with_them(self):
        assert load_method("mu_vendor:NeedsArguments(rate=0.5, steps=3)").rate == 0.5
        assert load_method("mu_vendor:NeedsArguments(rate='fast', steps=None)").rate == "fast"
        assert load_method("mu_vendor:Plain()").unlearn("m", "r")[0] == "plain"

    def test_a_factory_is_called_with_them(self):
        assert load_method("mu_vendor:keyword_factory(rate=0.5)").unlearn("m", "r")[0] == "plain"

    @pytest.mark.parametrize(
        ("attribute", "message"),
        [
            (
                "NeedsArguments(rat=1)",
                r"^mu_vendor:NeedsArguments has no hyperparameter 'rat'; "
                r"did you mean rate\? it has: rate, steps, momentum$",
            ),
            ("NeedsArguments(rate=1)", r"needs arguments \(steps\)"),
            ("Plain(rate=1)", r"mu_vendor:Plain has no hyperparameter 'rate'; it has: none"),
            ("keyword_factory(steps=1)", r"has no hyperparameter 'steps'; it has: rate"),
            ("four(rate=0.5)", r"the factory 'mu_vendor:four' needs more arguments: model, retain_loader"),
            ("number(rate=1)", r"mu_vendor:number takes no hyperparameters"),
            ("NeedsArguments(0.5)", r"hyperparameters are written as name=value with plain values, such as mu_vendor"),
            ("NeedsArguments(rate=open('x'))", r"written as name=value with plain values"),
            ("NeedsArguments(rate=1", r"written as name=value with plain values"),
            ("NeedsArguments(rate=1).unlearn", r"written as name=value with plain values"),
        ],
    )
    def test_what_is_refused(self, attribute, message):
        with pytest.raises(MethodError, match=message):
            load_method(f"mu_vendor:{attribute}")


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
