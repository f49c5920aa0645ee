"""One run: what an epoch does, what is measured, which model is kept."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.nn import MLPSpec, apply_mlp
from jaxmlp.training import (
    METRICS,
    DataSpec,
    EvalSpec,
    Hyper,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    Stream,
    end_epoch,
    end_run,
    evaluate,
    init_run,
    net_of,
    shuffled,
    stream_key,
    train_epoch,
    train_step,
)


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


def make_spec(*, epochs=2, evaluation=None, norm="batch_norm", **kwargs):
    data_spec = DataSpec(**({"batch_size": 32, "train_size": 170} | kwargs))
    mlp = MLPSpec((64, 9, 10), norm=norm)
    return RunSpec(mlp, data=data_spec, epochs=epochs, evaluation=evaluation or EvalSpec())


def run_to_end(spec, digits, hyper=None, seed=0):
    hyper = hyper or Hyper()
    run = init_run(seed, digits, spec=spec, hyper=hyper)
    states = []
    for epoch in range(1, spec.epochs + 1):
        run = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
        run = end_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
        states.append(run.train)
    return end_run(run, digits, spec=spec, hyper=hyper), states


def logits_of(state, images, spec):
    x = images.astype(jnp.float32) / 255
    return apply_mlp(state.params, state.norm_state, x, spec=spec.mlp, hyper=Hyper(), train=False)[0]


def test_an_epoch_is_its_batches_in_the_seeds_order(digits):
    """By hand: permute, cut into batches, drop the ragged tail, scale, step; nothing augments the images (S-016).

    With SGD: Adam turns the rounding of a near-zero gradient into a full step.
    """
    spec = replace(make_spec(), optimizer=OptimizerSpec("sgd"))
    run = init_run(3, digits, spec=spec, hyper=Hyper())
    after = train_epoch(run, digits, spec=spec, hyper=Hyper(), epoch=2)
    order = shuffled(stream_key(3, Stream.SHUFFLE, 2), run.train_index)
    state, losses = run.train, []
    for batch in np.asarray(order)[:160].reshape(5, 32):
        x = np.asarray(digits.train_inputs)[batch].astype(np.float32) / 255
        state, loss = train_step(state, jnp.asarray(x), digits.train_targets[batch], spec=spec, hyper=Hyper())
        losses.append(float(loss))
    assert int(after.train.step) == 5
    assert float(after.loss_sum) == pytest.approx(sum(losses), rel=1e-4)
    chex.assert_trees_all_close(after.train, state, rtol=1e-3, atol=1e-5)


def test_without_shuffling_every_epoch_has_the_stored_order(digits):
    spec = make_spec(shuffle=False, split="last_tenth")
    run = init_run(3, digits, spec=spec, hyper=Hyper())
    np.testing.assert_array_equal(run.train_index, np.arange(170))
    one, other = (train_epoch(run, digits, spec=spec, hyper=Hyper(), epoch=epoch) for epoch in (1, 2))
    np.testing.assert_array_equal(one.train.params[0]["weight"], other.train.params[0]["weight"])
    shuffled = make_spec(split="last_tenth")
    one, other = (train_epoch(run, digits, spec=shuffled, hyper=Hyper(), epoch=epoch) for epoch in (1, 2))
    assert (one.train.params[0]["weight"] != other.train.params[0]["weight"]).any()


def test_arms_of_one_seed_share_split_and_order_and_seeds_do_not(digits):
    a, b = (init_run(5, digits, spec=make_spec(norm=norm), hyper=Hyper()) for norm in ("none", "batch_norm"))
    np.testing.assert_array_equal(a.train_index, b.train_index)
    np.testing.assert_array_equal(a.train.params[0]["weight"], b.train.params[0]["weight"])
    c = init_run(6, digits, spec=make_spec(), hyper=Hyper())
    assert (a.train_index != c.train_index).any()
    assert (a.train.params[0]["weight"] != c.train.params[0]["weight"]).any()


@pytest.fixture(scope="module")
def run(digits):
    """Before its first step."""
    return init_run(0, digits, spec=make_spec(), hyper=Hyper())


@pytest.mark.parametrize(
    ("rows", "batch_size"), [(1, 1), (7, 1), (1, 50), (7, 50), (100, 50), (101, 50), (100, 100), (250, 1000)]
)
def test_evaluation_counts_every_example_once(digits, run, rows, batch_size):
    spec = make_spec(evaluation=EvalSpec(batch_size=batch_size))
    index = jnp.arange(rows, dtype=jnp.int32) * 3 % 300
    net = net_of(run, spec=spec, hyper=Hyper())
    loss, accuracy = evaluate(net, digits.train_inputs, digits.train_targets, index)
    logits = np.asarray(logits_of(run.train, digits.train_inputs[index], spec), np.float64)
    labels = np.asarray(digits.train_targets)[index]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert float(accuracy) == pytest.approx((logits.argmax(axis=1) == labels).mean())
    assert float(loss) == pytest.approx(-log_p[np.arange(rows), labels].mean(), rel=1e-5)


def test_the_best_validation_model_is_the_one_tested(digits):
    """S-090: strictly greater validation accuracy, read off the history and checked against kept states."""
    spec = make_spec(epochs=8)
    run, states = run_to_end(spec, digits, Hyper(learning_rate=1.0))
    val = np.asarray(run.history["val_accuracy"])
    best = 1 + int(val[1:].argmax())  # argmax takes the first of equals: strictly greater replaces
    assert int(run.history["selected_epoch"][8]) == best
    assert best < 8, "the test needs a run whose best epoch is not its last"
    np.testing.assert_array_equal(run.selected.norm_state[0]["mean"], states[best - 1].norm_state[0]["mean"])
    right = logits_of(states[best - 1], digits.test_inputs, spec).argmax(axis=1) == digits.test_targets
    assert float(run.history["test_accuracy"][8]) == pytest.approx(float(right.mean()), abs=1e-6)
    assert run.measured["test_accuracy"].tolist() == [False] * 8 + [True]


def test_the_last_model_is_tested_where_the_spec_says_so(digits):
    spec = make_spec(epochs=3, split="none", evaluation=EvalSpec(selection="last"))
    run, states = run_to_end(spec, digits)
    assert run.best is None
    right = logits_of(states[-1], digits.test_inputs, spec).argmax(axis=1) == digits.test_targets
    assert float(run.history["test_accuracy"][3]) == pytest.approx(float(right.mean()), abs=1e-6)
    assert not run.measured["val_loss"].any()
    assert not run.measured["val_accuracy"].any()
    assert not run.diverged


def test_the_history_of_a_run(digits):
    spec = make_spec(evaluation=EvalSpec(train_subset=50))
    run, _ = run_to_end(spec, digits, Hyper(learning_rate=2e-3))
    assert set(run.history) == set(METRICS)
    history = {name: np.asarray(values) for name, values in run.history.items()}
    assert run.measured["train_loss"].tolist() == [False, True, True]  # no batch before training
    for metric in METRICS:
        assert metric in ("train_loss", "test_loss", "test_accuracy") or run.measured[metric].all()
        assert np.isfinite(history[metric]).all()
    np.testing.assert_allclose(history["learning_rate"], 2e-3)
    np.testing.assert_allclose(history["train_accuracy"] * 50, np.round(history["train_accuracy"] * 50), atol=1e-4)


@pytest.mark.parametrize("loss", ["hinge", "softmax_hinge"])
def test_weights_that_leave_the_floats_have_no_hinge_loss_of_0(digits, loss):
    spec = replace(make_spec(norm="none", train_size=320), loss=LossSpec(loss), optimizer=OptimizerSpec("sgd"))
    run, _ = run_to_end(spec, digits, Hyper(learning_rate=1e25))
    assert bool(run.diverged)
    assert not run.measured["val_loss"][2]


def test_weights_that_leave_the_floats_are_divergence(digits):
    run, _ = run_to_end(make_spec(norm="none"), digits, Hyper(learning_rate=1e30))
    assert bool(run.diverged)
    assert not run.measured["train_loss"][2]
    assert float(run.history["test_accuracy"][2]) == pytest.approx(0.1)


def test_a_deep_net_may_overflow_before_its_running_variances_have_been_trained(digits):
    """Each of its layers divides by √eps at epoch 0: that is no divergence, and must not freeze the run."""
    mlp = MLPSpec((64, *[16] * 8, 10), norm="batch_norm", norm_position="pre_activation")
    spec = replace(make_spec(), mlp=mlp)
    run, _ = run_to_end(spec, digits, Hyper(running_var_start=0.0, norm_eps=1e-12))
    assert not (run.measured["val_loss"][0] and np.isfinite(run.history["val_loss"][0]))
    assert not run.diverged
    assert run.measured["val_loss"][1:].all()
    assert np.isfinite(run.history["val_loss"][1:]).all()
