"""Evaluation with batch statistics, and D4's validation in training mode (S-101)."""

from dataclasses import replace
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import (
    DataSpec,
    EvalSpec,
    Hyper,
    RunSpec,
    end_epoch,
    end_run,
    evaluate,
    evaluate_in_train_mode,
    init_run,
    net_of,
    train_epoch,
)

MLP = MLPSpec((64, 9, 10), norm="batch_norm", norm_position="pre_activation", bias=False)
# Eleven batches: the program validates after the first, the sixth and the last.
DATA = DataSpec(split="last_tenth", batch_size=20, train_size=220)
RUNNING = RunSpec(MLP, data=DATA, epochs=2)
TRAIN_MODE = replace(RUNNING, evaluation=EvalSpec(validation="d4_shipped"))
NUM_VAL = 144
HYPER = Hyper(learning_rate=0.02)


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


@pytest.fixture(scope="module")
def trained(digits):
    """A run of either spec after two epochs, before its test."""
    return {spec: trained_run(spec, digits) for spec in (RUNNING, TRAIN_MODE)}


def trained_run(spec, digits):
    run = init_run(0, digits, spec=spec, hyper=HYPER)
    for epoch in (1, 2):
        run = train_epoch(run, digits, spec=spec, hyper=HYPER, epoch=epoch)
        run = end_epoch(run, digits, spec=spec, hyper=HYPER, epoch=epoch)
    return run


def over(run, digits, index, state=None, *, spec=RUNNING, rule=evaluate, **options):
    images, labels = digits.train_inputs, digits.train_targets
    net = net_of(run, spec=spec, hyper=HYPER)
    net = net if state is None else net.replace(norm_state=state)
    return rule(net, images, labels, index, **options)


def by_hand(run, digits, index, size):
    """In float64, batch after batch: mean loss, accuracy, and the running statistics these batches leave."""
    params = jax.tree.map(lambda a: np.asarray(a, np.float64), run.train.params)
    mean, var = (np.asarray(run.train.norm_state[0][name], np.float64) for name in ("mean", "var"))
    losses, right = [], []
    for first in range(0, len(index) - size + 1, size):
        rows = np.asarray(index)[first : first + size]
        x = np.asarray(digits.train_inputs, np.float64)[rows] / 255 @ params[0]["weight"].T
        mean, var = 0.9 * mean + 0.1 * x.mean(axis=0), 0.9 * var + 0.1 * x.var(axis=0)
        x = params[0]["scale"] * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + params[0]["shift"]
        logits = np.maximum(x, 0) @ params[1]["weight"].T
        labels = np.asarray(digits.train_targets)[rows]
        losses += list(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(size), labels])
        right += list(logits.argmax(axis=1) == labels)
    return np.mean(losses), np.mean(right), {"mean": mean, "var": var}


@pytest.mark.parametrize("rows", [20, 39, 40, 41, 144])
def test_batches_of_the_training_s_size_and_no_ragged_tail(digits, trained, rows):
    run, index = trained[RUNNING], jnp.arange(100, 100 + rows, dtype=jnp.int32)
    loss, accuracy, state = by_hand(run, digits, index, 20)
    found = over(run, digits, index, rule=evaluate_in_train_mode)
    np.testing.assert_allclose(found[:2], (loss, accuracy), rtol=1e-4)
    np.testing.assert_allclose(found[2][0]["mean"], state["mean"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[2][0]["var"], state["var"], rtol=1e-4)
    np.testing.assert_array_equal(over(run, digits, index, norm_stats="batch"), found[:2])


def test_fewer_rows_than_a_batch_are_one_batch(digits, trained):
    run, index = trained[RUNNING], jnp.arange(100, 113, dtype=jnp.int32)
    loss, accuracy, _ = by_hand(run, digits, index, 13)
    np.testing.assert_allclose(over(run, digits, index, norm_stats="batch"), (loss, accuracy), rtol=1e-4)


@pytest.mark.parametrize("rule", [evaluate, evaluate_in_train_mode])
def test_no_rows_have_no_accuracy_and_are_refused(digits, trained, rule):
    with pytest.raises(InputError, match="no rows to evaluate: give an index of at least one"):
        over(trained[RUNNING], digits, jnp.zeros(0, jnp.int32), rule=rule)


def test_batch_statistics_do_not_depend_on_the_evaluation_batch_size(digits, trained):
    run, index = trained[RUNNING], jnp.arange(100, dtype=jnp.int32)
    other = replace(RUNNING, evaluation=EvalSpec(batch_size=7))
    one, two = (over(run, digits, index, spec=spec, norm_stats="batch") for spec in (RUNNING, other))
    np.testing.assert_array_equal(one, two)


def test_whose_statistics_must_be_known(digits, trained):
    with pytest.raises(InputError, match="norm_stats"):
        over(trained[RUNNING], digits, jnp.arange(9, dtype=jnp.int32), norm_stats="all")


@pytest.mark.parametrize("batches", [1, 7, 60])
def test_of_what_was_there_before_little_remains(digits, trained, batches):
    """0.9^V of it: why once per epoch leaves what the program's validation after every update leaves."""
    run, index = trained[RUNNING], jnp.arange(20 * batches, dtype=jnp.int32)
    near, far = (jax.tree.map(lambda a, s=s: a + s, run.train.norm_state) for s in (0.0, 1000.0))
    left = [over(run, digits, index, state, rule=evaluate_in_train_mode)[2] for state in (near, far)]
    for name in ("mean", "var"):
        np.testing.assert_allclose(left[1][0][name] - left[0][0][name], 1000 * 0.9**batches, rtol=1e-3)


def test_a_run_validates_so_and_trains_as_ever(digits, trained):
    run, other = trained[TRAIN_MODE], trained[RUNNING]
    chex.assert_trees_all_equal(run.train.params, other.train.params)
    np.testing.assert_array_equal(run.history["train_loss"], other.history["train_loss"])
    # As though the other run had validated in this way at its end: all but 0.9^7 is this epoch's.
    before = jax.tree.map(jnp.zeros_like, run.train.norm_state)
    loss, accuracy, state = over(run, digits, run.val_index, before, rule=evaluate_in_train_mode)
    assert run.val_index.shape == (NUM_VAL,)
    assert float(run.history["val_accuracy"][2]) == pytest.approx(float(accuracy), abs=1e-6)
    assert float(run.history["val_loss"][2]) == pytest.approx(float(loss), rel=1e-5)
    carried = jax.tree.map(lambda a, b: a - b, run.train.norm_state, state)
    expected = jax.tree.map(lambda a: a * 0.9**7, before_validation(digits))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), carried, expected)


def test_what_is_trained_after_the_last_validation_moves_the_statistics_on(digits):
    """Of fourteen batches the program validates after the eleventh: three more follow."""
    data = replace(DATA, train_size=280, shuffle=False)
    spec = replace(TRAIN_MODE, data=data, epochs=1)
    run = train_epoch(init_run(0, digits, spec=spec, hyper=HYPER), digits, spec=spec, hyper=HYPER, epoch=1)
    ended = end_epoch(run, digits, spec=spec, hyper=HYPER, epoch=1)
    rows = np.concatenate([run.val_index[:140], run.train_index[220:280]])  # seven whole batches, then these three
    _, _, expected = by_hand(run, digits, rows, 20)
    for name, wanted in expected.items():
        np.testing.assert_allclose(ended.train.norm_state[0][name], wanted, rtol=1e-4, atol=1e-5)
    loss, accuracy, _ = by_hand(run, digits, run.val_index, 20)  # and they are not counted
    np.testing.assert_allclose(
        [ended.history[f"val_{name}"][1] for name in ("loss", "accuracy")], (loss, accuracy), 1e-4
    )


@pytest.mark.parametrize("batch", [2, 4, 10, 24, 30, 50, 64, 100, 200])
@pytest.mark.parametrize("num_examples", [1437, 60_000])
def test_the_program_validates_where_100_divides_an_update_s_first_image(batch, num_examples):
    spec = replace(TRAIN_MODE, data=DataSpec("last_tenth", batch_size=batch))
    updates = range(0, spec.data.num_train(num_examples) // batch * batch, batch)
    validated = [image for image in updates if image % 100 == 0]
    assert spec.steps_after_validation(num_examples) == (updates[-1] - validated[-1]) // batch


def before_validation(digits):
    """The running statistics with which the run above came to its last validation."""
    run = init_run(0, digits, spec=TRAIN_MODE, hyper=HYPER)
    run = train_epoch(run, digits, spec=TRAIN_MODE, hyper=HYPER, epoch=1)
    run = end_epoch(run, digits, spec=TRAIN_MODE, hyper=HYPER, epoch=1)
    return train_epoch(run, digits, spec=TRAIN_MODE, hyper=HYPER, epoch=2).train.norm_state


def test_what_validation_leaves_is_what_is_kept_and_tested(digits, trained):
    run = trained[TRAIN_MODE]
    assert int(run.best.epoch) == 2, "the test needs a run whose last epoch is its best"
    assert float(run.best.val_score) == float(run.history["val_accuracy"][2])
    chex.assert_trees_all_equal(run.selected.norm_state, run.train.norm_state)
    _, train_accuracy = over(run, digits, run.train_index)
    assert float(run.history["train_accuracy"][2]) == float(train_accuracy)
    ended = end_run(run, digits, spec=TRAIN_MODE, hyper=HYPER)
    index = jnp.arange(digits.test_inputs.shape[0], dtype=jnp.int32)
    net = net_of(run, spec=TRAIN_MODE, hyper=HYPER)
    _, accuracy = evaluate(net, digits.test_inputs, digits.test_targets, index)
    assert float(ended.history["test_accuracy"][2]) == float(accuracy)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mlp": MLPSpec((64, 10))}, "'d4_shipped' is about batch norm, and this network has norm 'none'"),
        ({"mlp": replace(MLP, norm="layer_norm")}, "has norm 'layer_norm': choose validation 'running'"),
        (
            {
                "data": DataSpec(split="none"),
                "evaluation": EvalSpec(validation="d4_shipped", selection="last"),
            },
            "validation 'd4_shipped' needs a validation part: .* or validation 'running'",
        ),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        replace(TRAIN_MODE, **changes)


def test_an_unknown_validation_is_refused():
    with pytest.raises(InputError, match="unknown validation 'batch': choose one of running, d4_shipped"):
        EvalSpec(validation="batch")
