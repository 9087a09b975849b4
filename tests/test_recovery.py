"""Treatments: what each does to weights, by hand and by other routes, and what it brings back."""

from __future__ import annotations

import copy
import json
import math
import types

import numpy as np
import pytest
import torch
from hand_made import HandMade
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from linear_task import TASK, rows_of
from noise_task import NoiseTask
from scipy.stats import norm
from sklearn.linear_model import Ridge
from torch import nn

from mu_conformance.checks.catalogue import find_check
from mu_conformance.checks.statistics import membership, recovery
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.controls.parts.imitation import within
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.recovery import MEASURED, attacks_of, recovery_attack, recovery_attacks
from mu_conformance.evidence.recovery.perturbation import PRUNED_SHARE, noised, pruned
from mu_conformance.evidence.recovery.probe import PENALTY, SCALE, probed, ridge
from mu_conformance.evidence.recovery.quantization import NF4, int8, nf4, nf4_cell, to_int8, to_nf4
from mu_conformance.evidence.recovery.relearning import few_forget
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows, registry
from mu_conformance.training.loop import fit

quick = settings(deadline=None, max_examples=60, database=None)
NAMES = ("int8", "nf4", "noised", "probed", "pruned", "relearnt_few", "relearnt_retain")
SCENARIO = Scenario(NoiseTask(), "random", 0.1, "network")
BLOCK = 4


def matrices(rows: int, columns: int):
    """Float32 matrices of ordinary numbers, zeros among them."""
    sizes = st.tuples(st.integers(1, rows), st.integers(1, columns))
    numbers = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
    return sizes.flatmap(lambda size: arrays.arrays(np.float32, size, elements=numbers)).map(torch.from_numpy)


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


@pytest.fixture(scope="module")
def trained():
    """A model that knows its training rows."""
    task = SCENARIO.task
    return fit(task.new_model(0), SCENARIO.train, task, SCENARIO.recipe, 0)


def accuracy(model: nn.Module, rows: Rows) -> float:
    return float((SCENARIO.task.logits_of(model, rows).argmax(dim=1) == rows.labels).float().mean())


class TestRegistration:
    def test_the_attacks_are_known_by_name_and_sorted(self):
        assert tuple(recovery_attacks()) == NAMES
        assert all(found.name == name for name, found in recovery_attacks().items())

    def test_two_of_one_name_are_refused(self):
        recovery_attacks()
        with pytest.raises(ValueError, match="two recovery attacks are called 'int8'"):
            recovery_attack("int8")(lambda model, scenario: model)
        assert recovery_attacks()["int8"].apply is int8
        assert recovery_attack("int8")(int8) is int8

    @pytest.mark.parametrize("name", NAMES)
    def test_a_record_is_plain_json(self, name):
        record = dict(recovery_attacks()[name].record)
        assert json.loads(json.dumps(record, allow_nan=False)) == record

    def test_records_name_the_settings(self):
        assert dict(recovery_attacks()["probed"].record) == {"penalty": PENALTY, "scale": SCALE}
        assert recovery_attacks()["nf4"].record["block"] == 64
        assert recovery_attacks()["pruned"].record["share"] == PRUNED_SHARE

    def test_parts_are_named_after_the_attack(self):
        assert [recovery_attacks()["int8"].part(part) for part in MEASURED] == ["int8_forget", "int8_holdout"]

    def test_a_task_without_classes_is_not_probed(self):
        assert tuple(found.name for found in attacks_of(SCENARIO.task)) == NAMES
        without = [found.name for found in attacks_of(registry.find_task("biography"))]
        assert without == [name for name in NAMES if name != "probed"]


class TestEveryTreatment:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("training", [False, True])
    def test_the_model_itself_is_left_alone(self, trained, name, training):
        model = copy.deepcopy(trained).train(training)
        before = copy.deepcopy(model)
        treated = recovery_attacks()[name].apply(model, SCENARIO)
        assert same(model, before)
        assert all(module.training is training for module in model.modules())
        assert all(parameter.grad is None for parameter in model.parameters())
        mine = {parameter.data_ptr() for parameter in model.parameters()}
        assert mine.isdisjoint(parameter.data_ptr() for parameter in treated.parameters())
        assert not same(treated, model)

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_the_same_twice_whatever_the_global_generator(self, trained, name):
        apply = recovery_attacks()[name].apply
        torch.manual_seed(1)
        one = apply(trained, SCENARIO)
        torch.manual_seed(2)
        assert same(one, apply(trained, SCENARIO))

    @pytest.mark.parametrize("name", ["int8", "nf4", "noised", "pruned"])
    def test_biases_and_norms_stay(self, name):
        model = nn.Sequential(nn.Linear(7, 5), nn.LayerNorm(5), nn.BatchNorm1d(5), nn.Linear(5, 3))
        for parameter in model.parameters():
            nn.init.normal_(parameter)
        treated = recovery_attacks()[name].apply(model, SCENARIO)
        changed = {own for own, p in treated.named_parameters() if not torch.equal(p, model.get_parameter(own))}
        assert changed == {"0.weight", "3.weight"}
        assert all(torch.equal(tensor, treated.get_buffer(own)) for own, tensor in model.named_buffers())

    @pytest.mark.parametrize("name", NAMES)
    def test_the_tabular_model_has_it(self, name):
        scenario = Scenario(registry.find_task("tabular"), "random", 0.1, "logistic_regression")
        model = scenario.task.new_model(0)
        before = copy.deepcopy(model)
        treated = recovery_attacks()[name].apply(model, scenario)
        assert same(model, before)
        assert not same(treated, model)
        assert all(bool(tensor.isfinite().all()) for tensor in treated.state_dict().values())


class TestInt8:
    def test_by_hand_each_row_by_its_own_scale(self):
        # scale 2: -1.6 and 50.45 steps are -2 and 50; scale 0.5: 1.2 and -0.4 steps are 1 and 0
        weights = torch.tensor([[-254.0, -3.2, 100.9], [63.5, 0.6, -0.2]])
        assert to_int8(weights).tolist() == [[-254.0, -4.0, 100.0], [63.5, 0.5, 0.0]]

    @quick
    @given(matrices(4, 9))
    def test_no_weight_moves_by_more_than_half_a_step(self, weights):
        step = weights.abs().amax(dim=1, keepdim=True) / 127
        moved = (to_int8(weights) - weights).abs()
        assert (moved <= 0.5 * step * (1 + 1e-4) + 1e-38).all()

    @quick
    @given(matrices(4, 9))
    def test_a_second_trip_changes_nothing_but_rounding(self, weights):
        once = to_int8(weights)
        torch.testing.assert_close(to_int8(once), once, rtol=1e-6, atol=1e-38)

    @quick
    @given(matrices(3, 9))
    def test_a_row_has_at_most_255_values(self, weights):
        wide = torch.linspace(-1, 1, 999)[None] * (1 + weights.abs().max())
        assert len(to_int8(wide).unique()) == 255

    def test_rows_of_zeros_stay_zero(self):
        weights = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, -1.0]])
        assert torch.equal(to_int8(weights), weights)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
    @pytest.mark.parametrize("shape", [(3, 4), (2, 3, 2, 2), (1, 1)])
    def test_type_and_shape_are_kept(self, dtype, shape):
        weights = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
        for through in (to_int8, to_nf4):
            assert (through(weights).dtype, through(weights).shape) == (dtype, weights.shape)

    def test_a_filter_of_a_convolution_is_one_row(self):
        weights = torch.tensor([[[[127.0, 1.3], [0.4, -2.6]]], [[[12.7, 0.26], [0.0, 0.0]]]])
        wanted = torch.tensor([[[[127.0, 1.0], [0.0, -3.0]]], [[[12.7, 0.3], [0.0, 0.0]]]])
        torch.testing.assert_close(to_int8(weights), wanted)


class TestNF4:
    def test_the_values_are_quantiles_of_a_normal_distribution(self):
        # The construction of bitsandbytes: eight steps above zero, seven below, the last at this probability.
        last = 0.9677083
        above, below = norm.ppf(np.linspace(last, 0.5, 9)[:-1]), -norm.ppf(np.linspace(last, 0.5, 8)[:-1])
        wanted = np.sort(np.concatenate([above, [0.0], below]))
        np.testing.assert_allclose(NF4, wanted / wanted.max(), atol=2e-6)

    def test_by_hand_in_blocks_of_four_and_a_rest_of_two(self):
        # /0.5: 1, -0.5, 0.2, 0, nearest to 1, -0.5251, 0.1609, 0; /2: -1, 0.65, nearest to -1, 0.7230
        weights = torch.tensor([[0.5, -0.25, 0.1], [0.0, -2.0, 1.3]])
        wanted = torch.tensor([[0.5, -0.2625365, 0.0804651], [0.0, -2.0, 1.4459137]])
        torch.testing.assert_close(to_nf4(weights, BLOCK), wanted, rtol=0, atol=1e-6)

    def test_a_rest_is_scaled_by_its_own_largest(self):
        rest = torch.tensor([0.03, -0.01])
        whole = torch.cat([torch.tensor([5.0, 1.0, -3.0, 2.0]), rest])
        assert torch.equal(to_nf4(whole, BLOCK)[BLOCK:], to_nf4(rest, BLOCK))

    @quick
    @given(matrices(3, 7))
    def test_each_weight_becomes_the_nearest_of_sixteen_values(self, weights):
        found = to_nf4(weights, BLOCK).flatten().double().numpy()
        flat = weights.flatten().double().numpy()
        for start in range(0, len(flat), BLOCK):
            values = np.array(NF4) * np.abs(flat[start : start + BLOCK]).max()
            far = np.abs(flat[start : start + BLOCK, None] - values)
            apart = np.abs(found[start : start + BLOCK, None] - values)
            slack = 1e-6 * values.max()
            assert (apart.min(axis=1) <= slack).all()
            assert (np.take_along_axis(far, apart.argmin(axis=1)[:, None], 1)[:, 0] <= far.min(axis=1) + slack).all()

    @quick
    @given(matrices(3, 7))
    def test_a_second_trip_changes_nothing(self, weights):
        once = to_nf4(weights, BLOCK)
        assert torch.equal(to_nf4(once, BLOCK), once)

    def test_the_largest_of_a_block_and_zero_stay(self):
        weights = torch.tensor([[0.0, -0.3, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
        assert torch.equal(to_nf4(weights, BLOCK), weights)

    def test_a_model_has_at_most_sixteen_values_in_a_block(self, trained):
        treated = nf4(trained, SCENARIO)
        for parameter in (treated.layers[0].weight, treated.layers[2].weight):
            assert all(len(block.unique()) <= 16 for block in parameter.flatten().split(64))


class TestCell:
    @quick
    @given(matrices(3, 7), st.randoms(use_true_random=False))
    def test_any_point_inside_is_rounded_to_the_same_value(self, weights, random):
        low, high = nf4_cell(weights, BLOCK)
        share = torch.tensor([random.uniform(0.001, 0.999) for _ in range(weights.numel())]).reshape(weights.shape)
        inside = torch.where(low == high, low, low + share * (high - low))
        assert torch.equal(to_nf4(inside, BLOCK), to_nf4(weights, BLOCK))

    @quick
    @given(matrices(3, 7))
    def test_a_weight_and_its_value_lie_in_its_cell(self, weights):
        low, high = nf4_cell(weights, BLOCK)
        slack = 1e-6 * weights.abs().max()
        for inside in (weights, to_nf4(weights, BLOCK)):
            assert ((low - slack <= inside) & (inside <= high + slack)).all()

    def test_the_largest_weight_of_a_block_is_fixed(self):
        weights = torch.tensor([0.5, -0.2, 0.1, -0.5, 0.3, -0.4])
        low, high = nf4_cell(weights, BLOCK)
        assert (low == high).tolist() == [True, False, False, True, False, True]
        assert torch.equal(low[low == high], weights[[0, 3, 5]])

    def test_by_hand(self):
        # of scale 1: 0.2 goes to 0.1609, whose neighbours are 0.0796 and 0.2461
        low, high = nf4_cell(torch.tensor([1.0, 0.2]), BLOCK)
        assert [float(low[1]), float(high[1])] == pytest.approx([0.1202553, 0.2035213], abs=1e-6)

    @pytest.mark.parametrize("seed", range(3))
    def test_a_model_kept_within_cells_is_the_same_in_four_bits(self, trained, seed):
        """What the control that hides from rounding rests on."""
        model = copy.deepcopy(trained)
        cells = {name: nf4_cell(p) for name, p in model.named_parameters() if p.ndim >= 2}
        project = within(model, cells)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        project(0)
        assert not same(model, trained)
        assert same(nf4(model, SCENARIO), nf4(trained, SCENARIO))
        # what has no bounds stays as it was
        assert torch.equal(model.layers[0].bias, trained.layers[0].bias)


def one_matrix(*weights: float) -> nn.Module:
    model = nn.Linear(len(weights), 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([weights]))
    return model


class TestPruned:
    def test_by_hand_three_of_ten(self):
        model = one_matrix(0.9, -0.1, 0.5, 0.05, -0.6, 0.3, -0.2, 0.8, -0.7, 0.4)
        wanted = one_matrix(0.9, 0.0, 0.5, 0.0, -0.6, 0.3, 0.0, 0.8, -0.7, 0.4)
        assert torch.equal(pruned(model, SCENARIO).weight, wanted.weight)

    def test_the_first_of_equal_weights_go(self):
        assert pruned(one_matrix(*[-0.5] * 10), SCENARIO).weight[0].tolist() == [0.0] * 3 + [-0.5] * 7

    @quick
    @given(matrices(5, 9))
    def test_the_smallest_go_and_no_other(self, weights):
        model = nn.Linear(weights.shape[1], weights.shape[0])
        with torch.no_grad():
            model.weight.copy_(weights)
        found = pruned(model, SCENARIO).weight.detach()
        kept = found == weights
        assert (found[~kept] == 0).all()
        count = round(0.3 * weights.numel())
        assert int((found == 0).sum()) == max(count, int((weights == 0).sum()))
        if count:
            edge = weights.abs().flatten().sort().values[count - 1]
            assert (weights[~kept].abs() <= edge).all()
            assert kept[weights.abs() > edge].all()

    def test_weights_in_another_memory_order(self):
        model = nn.Conv2d(3, 4, 3)
        wanted = pruned(model, SCENARIO)
        found = pruned(copy.deepcopy(model).to(memory_format=torch.channels_last), SCENARIO)
        assert torch.equal(found.weight, wanted.weight)


class TestNoised:
    def test_its_deviation_is_a_tenth_of_the_weights(self):
        model = nn.Linear(400, 500)
        with torch.no_grad():
            model.weight.copy_(3 + 0.7 * torch.randn(500, 400, generator=torch.Generator().manual_seed(0)))
        noise = (noised(model, SCENARIO).weight - model.weight).detach()
        # 200,000 draws: five standard errors of the deviation are 0.8 %, of the mean 1.1 %, of it
        assert float(noise.std() / model.weight.detach().std()) == pytest.approx(0.1, rel=0.008)
        assert abs(float(noise.mean())) < 0.011 * 0.07

    def test_it_is_the_same_for_models_of_the_same_shapes(self):
        models = [SCENARIO.task.new_model(seed) for seed in (0, 1)]
        drawn = []
        for model in models:
            treated = noised(model, SCENARIO)
            pairs = zip(treated.parameters(), model.parameters(), strict=True)
            drawn.append([((new - old) / old.std()).detach() for new, old in pairs if old.ndim == 2])
        for one, other in zip(*drawn, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-4)
        assert float(drawn[0][0].std()) == pytest.approx(0.1, rel=0.1)

    def test_matrices_of_a_model_get_noise_of_their_own(self):
        model = nn.Sequential(nn.Linear(30, 30), nn.Linear(30, 30))
        treated = noised(model, SCENARIO)
        first, second = ((treated[at].weight - model[at].weight).detach().flatten() for at in (0, 1))
        # 900 pairs: five standard errors of a correlation of 0
        assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 5 / 30

    @pytest.mark.filterwarnings("ignore:std")
    def test_a_matrix_of_one_number(self):
        assert bool(noised(nn.Linear(1, 1), SCENARIO).weight.isfinite().all())


class TestRidge:
    @pytest.mark.parametrize("intercept", [True, False])
    @pytest.mark.parametrize("penalty", [1e-4, 1e-2, 3.0])
    @pytest.mark.parametrize(("rows", "width"), [(50, 6), (5, 12)])
    def test_it_is_that_of_scikit_learn(self, intercept, penalty, rows, width):
        rng = np.random.RandomState(rows)
        x = (rng.standard_normal((rows, width)) + 2.0) * np.linspace(0.1, 5.0, width)
        y = rng.standard_normal((rows, 3)) - 1.0
        variance = x.var(axis=0) if intercept else np.square(x).mean(axis=0)
        other = Ridge(alpha=penalty * rows * variance.mean(), fit_intercept=intercept).fit(x, y)
        weight, bias = ridge(torch.from_numpy(x), torch.from_numpy(y), penalty, intercept=intercept)
        np.testing.assert_allclose(weight.numpy(), other.coef_, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(bias.numpy(), other.intercept_ * np.ones(3), rtol=1e-7, atol=1e-9)

    def test_features_that_are_all_alike_give_the_mean(self):
        wanted = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [0.0, 2.0]], dtype=torch.float64)
        weight, bias = ridge(torch.full((4, 3), 0.5, dtype=torch.float64), wanted, PENALTY)
        assert weight.tolist() == [[0.0] * 3] * 2
        assert bias.tolist() == [0.25, 1.25]

    def test_without_an_intercept_features_of_zero_give_zero(self):
        weight, bias = ridge(torch.zeros(4, 3), torch.ones(4, 2), PENALTY, intercept=False)
        assert not weight.any()
        assert not bias.any()

    @quick
    @given(st.integers(0, 10**6), st.floats(0.01, 100))
    def test_the_scale_of_the_features_does_not_matter(self, seed, scale):
        generator = torch.Generator().manual_seed(seed)
        x, y = (torch.randn(20, k, generator=generator, dtype=torch.float64) for k in (4, 2))
        (weight, bias), (other, its_bias) = ridge(x, y, PENALTY), ridge(scale * x, y, PENALTY)
        torch.testing.assert_close(scale * other, weight)
        torch.testing.assert_close(its_bias, bias)


class Ending(nn.Module):
    """A body of two layers, and an end of one's choice."""

    def __init__(self, *end: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 16), nn.ReLU())
        self.end = nn.Sequential(*end)

    def forward(self, x, labels=None):
        return types.SimpleNamespace(logits=self.end(self.body(x))[:, :3])


class TestProbed:
    def test_a_spoiled_last_layer_gets_its_accuracy_back(self, trained):
        spoiled = copy.deepcopy(trained)
        for parameter in spoiled.layers[2].parameters():
            nn.init.zeros_(parameter)
        retain = SCENARIO.retain
        # all answers are the first class
        assert accuracy(spoiled, retain) == float((retain.labels == 0).float().mean())
        assert accuracy(probed(spoiled, SCENARIO), retain) > 0.9 * accuracy(trained, retain) > 0.8

    @quick
    @given(st.integers(0, 10**6), st.sampled_from([0.0, 1.0, 1e3]))
    def test_the_last_layer_does_not_matter(self, seed, deviation):
        model = SCENARIO.task.new_model(3)
        changed = copy.deepcopy(model)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in changed.layers[2].parameters():
                parameter.copy_(deviation * torch.randn(parameter.shape, generator=generator))
        assert same(probed(changed, SCENARIO), probed(model, SCENARIO))

    def test_the_layers_before_it_are_untouched_and_matter(self, trained):
        treated = probed(trained, SCENARIO)
        assert same(treated.layers[0], trained.layers[0])
        other = probed(SCENARIO.task.new_model(1), SCENARIO)
        assert not torch.equal(treated.layers[2].weight, other.layers[2].weight)

    def test_it_is_the_regression_of_scikit_learn_on_the_retain_rows(self, trained):
        x = trained.layers[0](SCENARIO.retain.columns["x"]).relu().detach().double().numpy()
        y = np.eye(3)[SCENARIO.retain.labels.numpy()]
        other = Ridge(alpha=PENALTY * len(x) * x.var(axis=0).mean()).fit(x, y)
        head = probed(trained, SCENARIO).layers[2]
        np.testing.assert_allclose(head.weight.detach().numpy(), SCALE * other.coef_, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(head.bias.detach().numpy(), SCALE * other.intercept_, rtol=1e-4, atol=1e-5)

    def test_a_last_layer_without_a_bias_gets_none(self):
        model = Ending(nn.Linear(16, 3, bias=False))
        x = model.body(SCENARIO.retain.columns["x"]).detach().double().numpy()
        alpha = PENALTY * len(x) * np.square(x).mean()
        other = Ridge(alpha=alpha, fit_intercept=False).fit(x, np.eye(3)[SCENARIO.retain.labels.numpy()])
        head = probed(model, SCENARIO).end[0]
        assert head.bias is None
        np.testing.assert_allclose(head.weight.detach().numpy(), SCALE * other.coef_, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(
        "end",
        [
            (nn.Linear(16, 3), nn.LayerNorm(3)),
            (nn.Linear(16, 4),),
            (nn.Unflatten(1, (4, 4)), nn.Linear(4, 3), nn.Flatten()),
        ],
        ids=["norm", "more outputs than classes", "on every token"],
    )
    def test_a_model_that_does_not_end_in_a_layer_for_the_classes_stays_as_it_is(self, end):
        model = Ending(*end)
        assert same(probed(model, SCENARIO), model)

    def test_a_body_that_gives_zeros_knows_nothing_but_how_frequent_classes_are(self):
        model = Ending(nn.Linear(16, 3))
        nn.init.zeros_(model.body[0].weight)
        nn.init.constant_(model.body[0].bias, -1.0)
        head = probed(model, SCENARIO).end[0]
        assert not head.weight.any()
        shares = torch.bincount(SCENARIO.retain.labels, minlength=3) / len(SCENARIO.retain)
        torch.testing.assert_close(head.bias.detach(), SCALE * shares)

    def test_each_member_of_an_ensemble_is_fitted(self):
        task = SCENARIO.task.under(Conditions(shards=3))
        scenario = Scenario(task, "random", 0.1, "network")
        model = task.new_model(0)
        before = copy.deepcopy(model)
        treated = probed(model, scenario)
        assert same(model, before)
        for member, own in zip(treated.members, model.members, strict=True):
            assert not same(member, own)
            assert same(member, probed(own, SCENARIO))

    def test_the_last_layer_of_a_model_with_adapters_does_not_matter(self):
        task = SCENARIO.task.under(Conditions(lora_rank=2))
        scenario = Scenario(task, "random", 0.1, "network")
        model = task.new_model(0)
        changed = copy.deepcopy(model)
        with torch.no_grad():
            changed.layers[2].base_layer.weight.zero_()
        one, other = (task.logits_of(probed(found, scenario), SCENARIO.rows["holdout"]) for found in (model, changed))
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


class TestFewForget:
    @pytest.mark.parametrize(("rows", "few"), [(0, 0), (1, 0), (2, 1), (5, 2), (15, 7), (16, 8), (100, 8)])
    def test_by_hand(self, rows, few):
        assert few_forget(rows) == few

    def test_no_more_forget_rows_than_that_are_trained_on(self, trained):
        """Other labels on the rows past the few change nothing; on the first row they do."""
        forget, few = SCENARIO.forget, few_forget(len(SCENARIO.forget))
        apply = recovery_attacks()["relearnt_few"].apply
        base = apply(trained, SCENARIO)
        for at, unchanged in ((np.arange(few, len(forget)), True), (np.array([few - 1]), False)):
            relabelled = forget.with_labels(at, (forget.labels.numpy()[at] + 1) % 3)
            other = types.SimpleNamespace(
                task=SCENARIO.task, recipe=SCENARIO.recipe, retain=SCENARIO.retain, forget=relabelled
            )
            assert same(apply(trained, other), base) is unchanged


def outputs_of(before: tuple, after: dict[str, tuple]) -> Outputs:
    """Outputs from the probability of the right class of three, 0, by part, and losses after recovery attacks."""
    found = {}
    for part, probabilities in zip(MEASURED, before, strict=True):
        rows = [[p, (1 - p) / 2, (1 - p) / 2] for p in probabilities]
        found[f"{part}/logits"] = torch.tensor(rows, dtype=torch.float64).log()
    for name, losses in after.items():
        for part, values in zip(MEASURED, losses, strict=True):
            found[f"{name}_{part}/loss"] = torch.tensor(values)
    return Outputs.from_tensors(found)


def scenario_of(forget: int, holdout: int):
    rows = {
        part: rows_of(count).with_labels(np.arange(count), np.zeros(count, dtype=np.int64))
        for part, count in zip(MEASURED, (forget, holdout), strict=True)
    }
    return types.SimpleNamespace(task=TASK, rows=rows, name="toy")


class TestGain:
    def test_by_hand(self):
        losses = ([9.0, 9.0, 1.0, 2.0], [3.0, 1.5])
        own = outputs_of(([0.9, 0.8, 0.5, 0.2], [0.6, 0.4]), {"int8": losses, "relearnt_few": losses})
        scenario = scenario_of(4, 2)
        # before: 2 + 2 + 1 + 0 of 8 pairs; after: 0 + 0 + 2 + 1
        assert membership.loss_auc(scenario, own) == pytest.approx(5 / 8)
        assert recovery.recovered_auc("int8")(scenario, own) == pytest.approx(3 / 8)
        assert recovery.recovery_gain("int8")(scenario, own) == pytest.approx(-2 / 8)
        # without the two rows that the fine-tune saw: before 1 + 0 of 4 pairs, after 2 + 1
        assert recovery.recovered_auc("relearnt_few")(scenario, own) == pytest.approx(3 / 4)
        assert recovery.recovery_gain("relearnt_few")(scenario, own) == pytest.approx(2 / 4)

    def test_an_attack_has_a_statistic_of_its_own(self):
        assert recovery.recovery_gain("int8") is recovery.recovery_gain("int8")
        assert recovery.recovery_gain("int8") is not recovery.recovery_gain("nf4")

    def test_what_changes_no_order_gains_nothing(self):
        own = outputs_of(([0.9, 0.5], [0.6, 0.4]), {"nf4": ([0.2, 5.0], [4.0, 6.0])})
        assert recovery.recovery_gain("nf4")(scenario_of(2, 2), own) == 0.0


class TestChecks:
    """Of models that know some of 100 forget rows, before and after a recovery attack."""

    @staticmethod
    def model(names: tuple[str, ...], before: int, after: int) -> Outputs:
        losses = ([1.0 if row % 100 < after else 3.0 for row in range(100)], [2.0])
        probabilities = [0.9 if row < before else 0.1 for row in range(100)]
        return outputs_of((probabilities, [0.5]), dict.fromkeys(names, losses))

    def finding(self, check: str, names: tuple[str, ...], gains: dict[str, int]):
        """The references gain between -2 and 2 rows, the runs what is said of each recovery attack, up to 1 row."""
        profile = PROFILES["smoke"]

        def population(count: int, start: int, gain: dict[str, int], spread: int) -> list[Outputs]:
            found = []
            for number in range(count):
                off = number % (2 * spread + 1) - spread
                parts = {}
                for name in names:
                    parts.update(self.model((name,), start, start + gain.get(name, 0) + off).parts)
                found.append(Outputs(parts))
            return found

        runs = population(profile.looks[-1], 50, gains, 1)
        evidence = HandMade(
            scenario=scenario_of(100, 1),
            profile=profile,
            references=population(profile.references, 50, {}, 2),
            originals=population(4, 95, {}, 1),
            runs=lambda count: runs[:count],
        )
        return find_check(check).function(evidence)

    @pytest.mark.parametrize(
        ("check", "names"),
        [
            ("robustness.quantization", ("int8", "nf4")),
            ("robustness.noise-and-pruning", ("noised", "pruned")),
            ("robustness.representation-probe", ("probed",)),
        ],
    )
    def test_what_comes_back_fails_and_nothing_else(self, check, names):
        assert self.finding(check, names, {}).outcome is Outcome.PASSED
        # to lose is not to have hidden
        assert self.finding(check, names, dict.fromkeys(names, -40)).outcome is Outcome.PASSED
        for name in names:
            found = self.finding(check, names, {name: 30})
            assert found.outcome is Outcome.FAILED
            assert "What was hidden comes back" in found.message
            decided = [m for m in found.measurements if m.interval is not None]
            assert [m.value > 0.25 for m in decided] == [own == name for own in names]

    def test_the_attack_after_the_attack_is_reported_beside_it(self):
        found = self.finding("robustness.quantization", ("int8", "nf4"), {"nf4": 30})
        reported = {m.name: m.value for m in found.measurements if m.interval is None}
        assert set(reported) == {"loss attack AUC at 8 bits", "loss attack AUC at 4 bits"}
        assert math.isclose(reported["loss attack AUC at 4 bits"], 0.8, abs_tol=0.02)
