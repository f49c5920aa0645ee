"""The probes that watch: each against the same number by another way, on one run after a few steps."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxmlp import data
from jaxmlp.nn import MLPSpec
from jaxmlp.probes import AdamSharpness, Flow, NormStatistics, OutputFlow, Sharpness, WeightPath
from jaxmlp.training import (
    DataSpec,
    EvalSpec,
    Hyper,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    full_data_norm_state,
    net_of,
    next_batch,
    start_run,
    train_epoch,
)

BATCH, STEPS = 20, 5
HYPER = Hyper(learning_rate=0.01, norm_momentum=0.5)


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


def make_spec(widths=(64, 6, 5, 10), optimizer="sgd", penalty="none", **net):
    data_spec = DataSpec(batch_size=BATCH, train_size=BATCH * STEPS)
    return RunSpec(MLPSpec(widths, **net), data_spec, LossSpec(penalty=penalty), OptimizerSpec(optimizer), epochs=2)


def trained(digits, spec, steps=3, hyper=HYPER):
    run = start_run(0, digits, spec=spec, hyper=hyper)
    return train_epoch(run, digits, spec=spec, hyper=hyper, epoch=1, count=steps) if steps else run


def look(probe, run, digits, spec, memory=(), hyper=HYPER):
    return jax.jit(partial(probe.observe, spec=spec))(memory, run, digits, hyper=hyper)[1]


def in_numpy(run, x, eps):
    """Linear outputs and activations (behind the norm's place: ReLU, then batch norm by the rows' statistics)."""
    linear, active = [], []
    for i, layer in enumerate(run.train.params):
        layer = {name: np.asarray(value, np.float64) for name, value in layer.items()}
        x = x @ layer["weight"].T + layer["bias"]
        linear.append(x)
        if i < len(run.train.params) - 1:
            x = np.maximum(x, 0)
            active.append(x)
            x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps) * layer["scale"] + layer["shift"]
    return linear, active


def test_flow_is_of_the_first_rows_of_the_training_part(digits):
    """In NumPy: values, zeros, statistics, and the gradient for the last linear, (softmax − one-hot)/M."""
    spec, rows = make_spec(norm="batch_norm"), 60
    run = trained(digits, spec)
    chosen = np.asarray(run.train_index)[:rows]
    linear, active = in_numpy(run, np.asarray(digits.train_inputs, np.float64)[chosen] / 255, 1e-5)
    seen = look(Flow(rows=rows), run, digits, spec)
    np.testing.assert_allclose(seen["linear_mean"], [y.mean() for y in linear], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(seen["linear_standard_deviation"], [y.std() for y in linear], rtol=1e-3)
    np.testing.assert_allclose(seen["zero_share"], [*((y == 0).mean() for y in active), np.nan], atol=0.01)
    gaps = [
        np.abs(np.log((np.asarray(state["var"]) + 1e-5) / (y.var(axis=0) + 1e-5))).mean()
        for state, y in zip(run.train.norm_state, active, strict=False)
    ]
    np.testing.assert_allclose(seen["running_var_gap"], [*gaps, np.nan], rtol=1e-3)
    p = np.exp(linear[-1]) / np.exp(linear[-1]).sum(axis=1, keepdims=True)
    p[np.arange(rows), np.asarray(digits.train_targets)[chosen]] -= 1
    np.testing.assert_allclose(seen["output_gradient_norm"][-1], np.linalg.norm(p / rows), rtol=1e-3)
    said = look(OutputFlow(rows=rows), run, digits, spec)
    different = np.unique(np.round(linear[-1] / np.abs(linear[-1]).max(), 6), axis=0)
    assert 1 < said["distinct_outputs"] == len(different)
    assert 1 < said["predicted_classes"] == len(set(linear[-1].argmax(axis=1)))


def dense(run, digits, spec, hyper=HYPER):
    """(Hessian of the next batch's loss by forward over reverse of plain JAX, its gradient)."""
    batch = next_batch(run, digits, spec=spec, hyper=hyper)
    flat, unravel = ravel_pytree(run.train.params)

    def loss(flat):
        params, x = unravel(flat), batch.x.astype(float)
        for i, layer in enumerate(params):
            x = jnp.dot(x, layer["weight"].T) + layer["bias"][None, :]
            x = jnp.tanh(x) if i < len(params) - 1 else x
        of_label = jnp.take_along_axis(x, batch.labels[:, None], axis=1)[:, 0]
        penalty = sum(jnp.sum(layer["weight"] ** 2) for layer in params)
        return jnp.mean(jax.nn.logsumexp(x, axis=1) - of_label) + hyper.penalty * penalty

    return np.asarray(jax.jit(jax.hessian(loss))(flat)), np.asarray(jax.grad(loss)(flat)), flat


SMALL = (64, 3, 10)


def test_sharpness_is_that_of_the_dense_hessian(digits, x64):
    """Penalty included; the batch is that of the next step."""
    digits = digits.replace(train_targets=digits.train_targets.astype(int))
    spec = make_spec(SMALL, activation="tanh", penalty="l2")
    run = trained(digits, spec)
    hessian, gradient, _ = dense(run, digits, spec)
    seen = look(Sharpness(products=60), run, digits, spec)
    np.testing.assert_allclose(seen["largest_eigenvalue"], np.linalg.eigvalsh(hessian)[-1], rtol=1e-6)
    np.testing.assert_allclose(
        seen["batch_sharpness"], gradient @ hessian @ gradient / (gradient @ gradient), rtol=1e-6
    )
    assert seen["largest_eigenvalue_error"] < 1e-4 * seen["largest_eigenvalue"]


@pytest.mark.parametrize("steps", [0, 3])
def test_adam_s_sharpness_is_that_of_the_dense_preconditioned_hessian(digits, x64, steps):
    """With P from Adam's own update: m/P is the step that optax makes; before the first step there is none."""
    digits = digits.replace(train_targets=digits.train_targets.astype(int))
    hyper = HYPER.replace(adam_eps=1e-3)
    spec = make_spec(SMALL, optimizer="adam", activation="tanh", penalty="l2")
    run = trained(digits, spec, steps, hyper)
    seen = look(AdamSharpness(products=80), run, digits, spec, hyper=hyper)
    if steps == 0:
        assert np.isnan(seen["preconditioned_sharpness"])
        return
    before = trained(digits, spec, steps - 1, hyper)
    hessian, _, _ = dense(run, digits, spec, hyper)
    moved = ravel_pytree(jax.tree.map(jnp.subtract, before.train.params, run.train.params))[0]
    mean = ravel_pytree(run_mean(digits, spec, hyper, steps))[0]
    live = np.abs(np.asarray(moved)) > 1e-12
    p = np.asarray(hyper.learning_rate * mean)[live] / np.asarray(moved)[live]
    root = 1 / np.sqrt(p)
    wanted = np.linalg.eigvalsh(root[:, None] * hessian[np.ix_(live, live)] * root[None, :])[-1]
    np.testing.assert_allclose(seen["preconditioned_sharpness"], wanted, rtol=1e-3)


def run_mean(digits, spec, hyper, steps):
    """Adam's first moment after so many steps, by hand from the gradients of each."""
    mean = None
    for step in range(steps):
        run = trained(digits, spec, step, hyper)
        _, gradient, _ = dense(run, digits, spec, hyper)
        mean = (1 - hyper.beta1) * gradient + (hyper.beta1 * mean if mean is not None else 0.0)
    return ravel_pytree(run.train.params)[1](jnp.asarray(mean))


def test_sharpness_of_named_rows_is_that_of_those_rows(digits):
    """Rows of one batch size: with the rows of the next batch both ways are one number."""
    spec = make_spec(SMALL, activation="tanh")
    spec = RunSpec(spec.mlp, DataSpec(batch_size=BATCH, train_size=BATCH * STEPS, shuffle=False), epochs=2)
    run = trained(digits, spec, steps=0)
    a, b = (look(Sharpness(rows=rows), run, digits, spec) for rows in (None, BATCH))
    np.testing.assert_allclose(a["largest_eigenvalue"], b["largest_eigenvalue"], rtol=1e-4)


def test_statistics_of_all_rows_at_once_are_those_of_passes_layer_by_layer(digits):
    spec = make_spec((64, 9, 8, 7, 10), norm="batch_norm")
    run = trained(digits, spec)
    net = net_of(run, spec=spec, hyper=HYPER)
    seen = look(NormStatistics(), run, digits, spec)
    rows, labels = run.train_index, np.asarray(digits.train_targets)
    slow = net.replace(norm_state=full_data_norm_state(net, digits.train_inputs, rows))
    for part, index in (("train", rows), ("val", run.val_index)):
        for kind, one in (("running", net), ("full_data", slow)):
            right = np.asarray(one.predict(digits.train_inputs[index])) == labels[np.asarray(index)]
            np.testing.assert_allclose(seen[f"{part}_score_{kind}"], right.mean(), atol=0.5 / len(index))
    right = []
    for chosen in np.asarray(rows).reshape(-1, BATCH):
        linear, _ = in_numpy(run, np.asarray(digits.train_inputs, np.float64)[chosen] / 255, 1e-5)
        right.append((linear[-1].argmax(axis=1) == labels[chosen]).mean())
    np.testing.assert_allclose(seen["train_score_batch"], np.mean(right), atol=0.011)
    assert len({float(seen[f"train_score_{kind}"]) for kind in ("running", "batch", "full_data")}) > 1


def test_without_a_validation_part_there_is_no_score_of_it(digits):
    spec = RunSpec(
        MLPSpec(SMALL),
        DataSpec(split="none", batch_size=BATCH, train_size=100),
        epochs=1,
        evaluation=EvalSpec(selection="last"),
    )
    seen = look(NormStatistics(), trained(digits, spec, 0), digits, spec)
    assert np.isnan(seen["val_score_running"])
    assert seen["train_score_running"] == seen["train_score_full_data"]


def test_the_path_of_the_weights_is_that_of_numpy(digits):
    spec = make_spec()
    runs = [trained(digits, spec, steps) for steps in range(4)]
    memory, probe = WeightPath().begin(runs[0], digits, spec=spec, hyper=HYPER), WeightPath()
    weights = [[np.asarray(layer["weight"], np.float64) for layer in run.train.params] for run in runs]
    length = np.zeros(3)
    for i, run in enumerate(runs):
        memory, seen = probe.observe(memory, run, digits, spec=spec, hyper=HYPER)
        last = weights[max(0, i - 1)]
        moved = np.array([np.linalg.norm(b - a) for a, b in zip(last, weights[i], strict=True)])
        length += moved
        np.testing.assert_allclose(seen["path_length"], length, rtol=1e-4)
        np.testing.assert_allclose(seen["update_ratio"], moved / [np.linalg.norm(a) for a in last], rtol=1e-4)
        far = [np.linalg.norm(b - a) for a, b in zip(weights[0], weights[i], strict=True)]
        np.testing.assert_allclose(seen["distance_from_start"], far, rtol=1e-4)
    assert (seen["path_length"] > seen["distance_from_start"]).all()
