"""What the last layer is handed, its sketch, and how alike two models' sketches are."""

from __future__ import annotations

import copy
import types

import numpy as np
import pytest
import torch
from hand_made import HandMade
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_task import TASK, rows_of
from noise_task import NoiseTask
from torch import nn

from mu_conformance.checks.catalogue import find_check
from mu_conformance.checks.statistics import representation
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.base import Others
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.representations import DIMENSIONS, ROWS, last_layer, representations, sketch
from mu_conformance.measures.representation import linear_cka
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import Scenario

quick = settings(deadline=None, max_examples=40, database=None)
SCENARIO = Scenario(NoiseTask(), "random", 0.1, "network")
LINEAR = Scenario(TASK, "random", 0.5, "linear")
NETWORK = SCENARIO.task.new_model(0)


class TwoLayers(nn.Module):
    """The layer that runs last is defined first."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 3)
        self.body = nn.Linear(2, 3)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, labels=None):
        return types.SimpleNamespace(logits=self.head(self.dropout(torch.relu(self.body(x)))))


@pytest.fixture
def model():
    found = TwoLayers()
    with torch.no_grad():
        found.body.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0], [2.0, 1.0]]))
        found.body.bias.copy_(torch.tensor([0.0, 2.5, -4.0]))
    return found


def hooks_of(model: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules())


class Answering(nn.Module):
    """Answers by a function of itself and the inputs."""

    def __init__(self, answer, **modules: nn.Module) -> None:
        super().__init__()
        self.answer = answer
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x, labels=None):
        return types.SimpleNamespace(logits=self.answer(self, x))


class TestRepresentations:
    def test_they_are_the_hidden_activations_by_hand(self, model):
        # x is (0, 1), (2, 3), (4, 5): x0, 2.5 - x1, 2 x0 + x1 - 4, and what is negative is 0
        found = representations(model, TASK, rows_of(3))
        assert found.tolist() == [[0.0, 1.5, 0.0], [2.0, 0.0, 3.0], [4.0, 0.0, 9.0]]
        assert (found.dtype, found.requires_grad) == (torch.float32, False)

    def test_the_last_layer_is_the_one_that_runs_last(self, model):
        assert list(dict(model.named_modules()))[-2:] == ["body", "dropout"]
        assert last_layer(model, TASK, rows_of(3)) is model.head

    @pytest.mark.parametrize("training", [False, True])
    def test_the_mode_is_restored_and_no_hook_is_left(self, model, training):
        model.train(training)
        last_layer(model, TASK, rows_of(3))
        # dropout is off
        assert torch.equal(representations(model, TASK, rows_of(3)), representations(model, TASK, rows_of(3)))
        assert all(module.training is training for module in model.modules())
        assert hooks_of(model) == 0

    def test_no_hook_is_left_where_a_model_fails(self):
        def fails(model, x):
            raise RuntimeError("no answer")

        model = Answering(fails, head=nn.Linear(2, 3))
        for asked in (last_layer, representations):
            with pytest.raises(RuntimeError, match="no answer"):
                asked(model, TASK, rows_of(2))
        assert hooks_of(model) == 0

    def test_hooks_of_others_stay(self, model):
        seen = []
        model.head.register_forward_hook(lambda *_: seen.append(1))
        representations(model, TASK, rows_of(3))
        assert seen == [1]
        assert hooks_of(model) == 1

    @quick
    @given(st.integers(1, 20), st.integers(1, 25))
    def test_the_batch_size_does_not_matter(self, rows, size):
        model = TwoLayers()
        whole = representations(model, TASK, rows_of(rows))
        torch.testing.assert_close(representations(model, TASK, rows_of(rows), size), whole)
        assert whole.shape == (rows, 3)

    def test_batch_statistics_stay(self):
        model = Answering(lambda own, x: own.head(own.norm(x)), norm=nn.BatchNorm1d(2), head=nn.Linear(2, 3)).train()
        before = copy.deepcopy(model.state_dict())
        representations(model, TASK, rows_of(5))
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    def test_what_is_handed_for_every_token_is_flattened(self):
        model = Answering(lambda own, x: own.head(x.reshape(-1, 2, 1)).sum(dim=1), head=nn.Linear(1, 3))
        assert torch.equal(representations(model, TASK, rows_of(5), 2), rows_of(5).columns["x"])

    def test_a_norm_that_runs_last_counts(self):
        model = Answering(lambda own, x: own.norm(own.head(x)), norm=nn.LayerNorm(3), head=nn.Linear(2, 3))
        assert last_layer(model, TASK, rows_of(3)) is model.norm
        wanted = model.head(rows_of(3).columns["x"]).detach()
        torch.testing.assert_close(representations(model, TASK, rows_of(3)), wanted)

    def test_a_layer_that_is_defined_and_not_used_does_not(self):
        model = Answering(lambda own, x: own.head(x), head=nn.Linear(2, 3), unused=nn.Linear(3, 3))
        assert last_layer(model, TASK, rows_of(3)) is model.head

    def test_a_model_that_hands_no_layer_numbers_has_none(self):
        model = Answering(lambda own, x: own.table(x[:, 0].long()), table=nn.Embedding(12, 3))
        assert last_layer(model, TASK, rows_of(3)) is None
        assert representations(model, TASK, rows_of(3)).shape == (3, 0)
        found = sketch(model, LINEAR)
        assert found.shape == (len(LINEAR.forget) + 3, DIMENSIONS)
        assert not found.any()


def cosines(vectors: torch.Tensor) -> torch.Tensor:
    unit = nn.functional.normalize(vectors.float(), dim=1)
    return unit @ unit.T


class TestSketch:
    def test_shape_type_and_scale(self):
        found = sketch(NETWORK, SCENARIO)
        # 30 forget rows, and the first 48 of 300 holdout rows
        assert (found.shape, found.dtype) == ((30 + 48, DIMENSIONS), torch.float16)
        assert float(found.abs().max()) == 1.0

    def test_inner_products_are_kept_up_to_noise(self):
        # relative to both lengths, an inner product in 16 random directions has a standard error of a quarter at most
        rows = torch.cat([SCENARIO.rows[part].columns["x"][:ROWS] for part in ("forget", "holdout")])
        whole = NETWORK.layers[:2](rows).detach()
        off = (cosines(sketch(NETWORK, SCENARIO)) - cosines(whole)).triu(1)
        pairs = len(whole) * (len(whole) - 1) / 2
        assert float((off.square().sum() / pairs).sqrt()) < 0.35

    def test_a_model_whose_representations_are_scaled_has_the_same_sketch(self):
        scaled = copy.deepcopy(NETWORK)
        with torch.no_grad():
            for parameter in scaled.layers[0].parameters():
                parameter.mul_(3.0)
        one, other = sketch(NETWORK, SCENARIO), sketch(scaled, SCENARIO)
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3)
        assert linear_cka(one.double().numpy(), other.double().numpy()) == pytest.approx(1, abs=1e-5)

    def test_the_last_layer_does_not_matter(self):
        changed = copy.deepcopy(NETWORK)
        nn.init.zeros_(changed.layers[2].weight)
        assert torch.equal(sketch(changed, SCENARIO), sketch(NETWORK, SCENARIO))

    def test_the_projection_is_the_same_for_all_models_of_a_width(self):
        # of a linear model, representations are the rows themselves
        torch.manual_seed(5)
        one = sketch(TASK.new_model(0), LINEAR)
        torch.manual_seed(6)
        other = sketch(TASK.new_model(1), LINEAR)
        assert torch.equal(one, other)
        x = torch.cat([LINEAR.rows[part].columns["x"] for part in ("forget", "holdout")]).double().numpy()
        at = np.linalg.lstsq(x, one.double().numpy(), rcond=None)[0]
        np.testing.assert_allclose(x @ at, one.double().numpy(), atol=2e-3)

    def test_models_of_different_training_have_different_sketches(self):
        assert not torch.equal(sketch(NETWORK, SCENARIO), sketch(SCENARIO.task.new_model(1), SCENARIO))

    def test_an_ensemble_has_one(self):
        task = SCENARIO.task.under(Conditions(shards=2))
        found = sketch(task.new_model(0), Scenario(task, "random", 0.1, "network"))
        assert found.shape == (78, DIMENSIONS)

    def test_what_is_not_finite_stays_so(self):
        broken = copy.deepcopy(NETWORK)
        nn.init.constant_(broken.layers[0].weight, float("nan"))
        assert not sketch(broken, SCENARIO).isfinite().any()

    def test_it_is_what_outputs_keep(self):
        kept = Outputs.of(NETWORK, SCENARIO)["representation"]["sketch"]
        assert kept.dtype == np.float16
        np.testing.assert_array_equal(kept, sketch(NETWORK, SCENARIO).numpy())


def outputs_of(values) -> Outputs:
    return Outputs.from_tensors({"representation/sketch": torch.as_tensor(np.asarray(values))})


def drawn(seed: int, rows: int = 78) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal((rows, DIMENSIONS))


CONSTANT = outputs_of(np.full((78, DIMENSIONS), 0.5, dtype=np.float16))


def alignment(own: Outputs, *others: Outputs) -> float:
    return representation.representation_alignment(None, own, Others(others))


class TestAlignment:
    def test_identical_sketches(self):
        own = outputs_of(drawn(0).astype(np.float16))
        assert alignment(own, own, outputs_of(drawn(0).astype(np.float16))) == pytest.approx(1)

    def test_constant_ones(self):
        own = outputs_of(drawn(0))
        assert alignment(CONSTANT, own) == alignment(own, CONSTANT) == 0.0
        assert alignment(CONSTANT, outputs_of(np.zeros((78, DIMENSIONS)))) == 1.0

    def test_it_is_the_mean_over_the_others(self):
        own, other = outputs_of(drawn(0)), outputs_of(drawn(1))
        apart = alignment(own, other)
        assert 0 < apart < 0.5
        assert alignment(own, own, other, CONSTANT) == pytest.approx((1 + apart + 0) / 3)

    def test_by_hand(self):
        # two centred columns that are orthogonal share nothing; of (a, b) with (a, 0), |a|^4 / (|a|^2 sqrt(2 |a|^4))
        a, b = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
        one, other, both = (np.stack(columns, axis=1) for columns in ((a, 0 * a), (0 * b, b), (a, b)))
        assert alignment(outputs_of(one), outputs_of(other)) == pytest.approx(0)
        assert alignment(outputs_of(both), outputs_of(one)) == pytest.approx(1 / np.sqrt(2))

    @quick
    @given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-10, 10))
    def test_rotation_scale_and_shift_do_not_matter(self, seed, scale, shift):
        own, other = drawn(seed), drawn(seed + 1)
        rotation = np.linalg.qr(drawn(seed + 2, DIMENSIONS))[0]
        moved = outputs_of(scale * own @ rotation + shift)
        assert alignment(moved, outputs_of(own)) == pytest.approx(1)
        assert alignment(moved, outputs_of(other)) == pytest.approx(alignment(outputs_of(own), outputs_of(other)))

    def test_a_reference_is_compared_with_the_others_and_the_check_fails_what_is_scattered(self):
        base, profile = drawn(0), PROFILES["smoke"]
        like = [outputs_of(base + 0.3 * drawn(seed)) for seed in range(1, 1 + profile.references + profile.looks[-1])]
        references, runs = like[: profile.references], like[profile.references :]
        scattered = [outputs_of(drawn(1000 + number)) for number in range(profile.looks[-1])]
        nearer = [outputs_of(base)] * profile.looks[-1]
        found = {}
        for name, ours in {"like": runs, "scattered": scattered, "constant": [CONSTANT] * 16, "nearer": nearer}.items():
            evidence = HandMade(
                profile=profile,
                references=references,
                originals=like[:4],
                runs=lambda count, ours=ours: ours[:count],
            )
            found[name] = find_check("robustness.representation-alignment").function(evidence)
        assert {name: finding.outcome for name, finding in found.items()} == {
            "like": Outcome.PASSED,
            "scattered": Outcome.FAILED,
            "constant": Outcome.FAILED,
            # more alike than independent models are
            "nearer": Outcome.PASSED,
        }
        (measured,) = found["constant"].measurements
        assert measured.value == 0.0
        assert measured.references.mean > 0.8
        assert "The representation of these rows is destroyed" in found["scattered"].message
