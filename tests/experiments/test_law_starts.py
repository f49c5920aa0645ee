"""`laws`: what is measured of starts against NumPy, what is read of full-batch runs, and what its rules are of."""

import jax
import numpy as np
import pandas as pd
import pytest

from experiments.lab import law_starts
from experiments.lab.base import FRESH
from experiments.lab.full_batch import FULL_BATCH, STEPS_AN_EPOCH, edges_of, few_digits
from experiments.lab.law_starts import DriftStart, NormStart, Tail
from experiments.lab.measured import Finished
from experiments.laws import DRIFT_WIDTHS, EDGE_ARMS, GROWTHS, LAWS_EXPERIMENT
from jaxmlp.nn import MLPSpec, init_mlp
from jaxmlp.probes import laws
from jaxmlp.study import Arm, Results
from jaxmlp.training import Hyper, OptimizerSpec, RunSpec

KEY = jax.random.key(5)


@pytest.mark.parametrize("initializer", ["he_normal", "xavier_normal"])
def test_the_drift_is_that_of_numpy_s_pass_through_the_same_net(initializer):
    n, layers = 24, law_starts.DRIFT_LAYERS
    params, _ = init_mlp(KEY, MLPSpec((n,) * (layers + 1), initializer=initializer), Hyper())
    h, logs = np.asarray(jax.random.normal(jax.random.fold_in(KEY, layers), (n,)), np.float64), []
    for layer in params:
        y = np.asarray(layer["weight"], np.float64) @ h
        logs.append(np.log(np.mean(y**2)))
        h = np.maximum(y, 0)
    found = law_starts.drift_of(KEY, DriftStart(initializer, n, 1))
    np.testing.assert_allclose(found, (logs[-1] - logs[0]) / (layers - 1), rtol=1e-4)


def test_a_start_is_dead_where_a_layer_has_no_live_unit():
    tail = Tail(5, (2, 3, 2), 1)
    found, expected = [], []
    for seed in range(15):
        key = jax.random.key(seed)
        params, _ = init_mlp(key, MLPSpec((5, 2, 3, 2, 1)), Hyper())
        h, alive = np.asarray(jax.random.normal(jax.random.fold_in(key, 4), (5,))), True
        for layer in params[:-1]:
            h = np.maximum(np.asarray(layer["weight"]) @ h, 0)
            alive &= bool(np.any(h > 0))
        expected.append(not alive)
        found.append(bool(law_starts.is_dead(key, tail)))
    assert found == expected
    assert 0 < sum(found) < 15


@pytest.mark.long
def test_growth_behind_batch_norm_is_that_of_numpy_s_backward_pass(x64):
    """The chain rule by hand, through mean and variance, of the same net."""
    start = NormStart(12, 20, 1)
    found = law_starts.norm_growth_of(KEY, start)
    spec = MLPSpec((12,) * (law_starts.GROWTH_LAYERS + 1) + (10,), norm="batch_norm")
    params, _ = init_mlp(KEY, spec, Hyper())
    rows, labels = jax.random.split(jax.random.fold_in(KEY, spec.num_layers))
    h = np.asarray(jax.random.normal(rows, (20, 12)))
    labels = np.asarray(jax.random.randint(labels, (20,), 0, 10))
    passed = []
    for layer in params[:-1]:
        y = h @ np.asarray(layer["weight"]).T
        u = np.maximum(y, 0)
        s = np.sqrt(u.var(axis=0) + 1e-5)
        h = (u - u.mean(axis=0)) / s
        passed.append((y, h, s))
    z = h @ np.asarray(params[-1]["weight"]).T
    p = np.exp(z - z.max(axis=1, keepdims=True))
    g = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[labels]) / 20
    norms = []
    for layer, (y, h, s) in zip(reversed(params[1:]), reversed(passed), strict=True):
        g = g @ np.asarray(layer["weight"])
        g = (g - g.mean(axis=0) - h * np.mean(g * h, axis=0)) / s * (y > 0)
        norms.append(np.linalg.norm(g))
    norms.reverse()
    first, last = law_starts.GROWTH_FROM, law_starts.GROWTH_TO
    np.testing.assert_allclose(found, (norms[first] / norms[last]) ** (2 / (last - first)), rtol=1e-6)


def test_seeds_of_a_study_number_their_own_starts():
    def numbered(first, seeds):
        finished = Finished([], {"a": seeds}, Results({}, {}), few_digits(), first)
        return law_starts._numbered(finished, 100)

    assert set(numbered(0, 3)).isdisjoint(numbered(FRESH, 3))
    assert len(numbered(FRESH, 3)) == 300


def test_draws_of_two_kinds_of_start_are_not_the_same():
    a, b = (law_starts.each_of(jax.random.normal, name, np.arange(4), 2) for name in ("he_16", "he_64"))
    assert np.abs(a[:, None] - b[None, :]).min() > 1e-6


def test_an_edge_is_read_of_the_last_quarter():
    rows = [
        {"arm": arm, "seed": seed, "epoch": epoch, "largest_eigenvalue": epoch + 100 * seed, "run_id": f"{arm}{seed}"}
        for arm in ("sgd_0.1", "other")
        for seed in (0, 1)
        for epoch in range(9)
    ]
    spec = RunSpec(MLPSpec((2, 2)), optimizer=OptimizerSpec("sgd"), epochs=8)
    arms = [Arm("sgd_0.1", spec, Hyper())]
    results = Results({"curvature": pd.DataFrame(rows)}, {})
    made = edges_of("sgd_0.1", "adam_1").make(Finished(arms, {"sgd_0.1": 2}, results, few_digits()))["edges"]
    assert made["settled_sharpness"].tolist() == [7.5, 107.5]
    assert edges_of("adam_1").make(Finished([], {}, results, few_digits()))["edges"].empty


def test_every_step_sees_the_same_rows():
    dataset = few_digits()
    images = np.asarray(dataset.train_inputs)
    assert len(images) == FULL_BATCH * STEPS_AN_EPOCH
    np.testing.assert_array_equal(images[:FULL_BATCH], images[-FULL_BATCH:])
    for arm in LAWS_EXPERIMENT.arms(dataset, LAWS_EXPERIMENT.presets["full"]):
        assert arm.name in EDGE_ARMS
        assert (arm.spec.data.batch_size, arm.spec.data.shuffle) == (FULL_BATCH, False)


def test_the_growths_that_are_written_down_are_the_law_s():
    assert {batch: round(laws.batch_norm_growth(batch), 3) for batch in GROWTHS} == GROWTHS


def test_every_law_stands_beside_three_sizes_and_a_formula_that_fails_has_its_reason():
    sizes_of = {}
    for one in LAWS_EXPERIMENT.predicted:
        sizes_of.setdefault(one.law, set()).add(one.size)
        assert one.limits or "exact" in one.formula or one.law == "born dead", one.name
    assert {law: len(sizes) >= 3 for law, sizes in sizes_of.items()} == dict.fromkeys(sizes_of, True)
    assert len(sizes_of) == 6
    assert len(DRIFT_WIDTHS) >= 4
