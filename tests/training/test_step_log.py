"""The log between epochs against the plain sequence of batch losses and accuracies (S-097)."""

import jax
import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, RunSpec, end_epoch, end_run, init_run, train_epoch
from jaxmlp.training.step_log import StepLog


def test_windows_are_means_of_their_steps_and_a_ragged_end_is_left_out():
    losses, accuracies = np.random.default_rng(0).random((2, 23)).astype(np.float32)
    log = StepLog.start(23 // 5)
    update = jax.jit(StepLog.after_step, static_argnums=4)
    for step in range(23):
        assert np.flatnonzero(log.loss).tolist() == [*range(step // 5)]
        log = update(log, step + 1, losses[step], accuracies[step], 5)
    np.testing.assert_allclose(log.loss, losses[:20].reshape(4, 5).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(log.score, accuracies[:20].reshape(4, 5).mean(axis=1), rtol=1e-6)


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


def train(digits, **evaluation):
    evaluation = EvalSpec("last", **({"batch_size": 256} | evaluation))
    spec = RunSpec(
        MLPSpec((64, 8, 10)), data=DataSpec("none", batch_size=20, train_size=120), evaluation=evaluation, epochs=3
    )
    hyper = Hyper(learning_rate=0.01)
    run = init_run(0, digits, spec=spec, hyper=hyper)
    for epoch in (1, 2, 3):
        run = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
        run = end_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
    return end_run(run, digits, spec=spec, hyper=hyper)


def test_a_window_as_long_as_an_epoch_is_the_epoch_s_training_loss(digits):
    run = train(digits, log_every=6)
    assert run.log is not None
    np.testing.assert_allclose(run.log.loss, run.history["train_loss"][1:], rtol=1e-6)
    per_step = train(digits, log_every=1).log
    assert per_step is not None
    np.testing.assert_allclose(np.reshape(per_step.loss, (3, 6)).mean(axis=1), run.log.loss, rtol=1e-6)
    np.testing.assert_allclose(np.reshape(per_step.score, (3, 6)).mean(axis=1), run.log.score, rtol=1e-6)
    # Accuracies are counts of 20 images, of the batch before its update.
    np.testing.assert_allclose(per_step.score * 20, np.round(per_step.score * 20), atol=1e-5)


def test_testing_every_epoch_changes_nothing_else_and_ends_with_the_same_number(digits):
    once, always = train(digits), train(digits, test_every_epoch=True)
    for metric, values in once.history.items():
        if metric.startswith("test_"):
            assert once.measured[metric].tolist() == [False] * 3 + [True]
            assert always.measured[metric].all()
            np.testing.assert_allclose(always.history[metric][3], values[3], rtol=1e-6)
        else:
            np.testing.assert_allclose(always.history[metric], values, rtol=1e-6, err_msg=metric)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"log_every": 0}, "log_every is 0: give a positive integer"),
        ({"log_every": 2.5}, "log_every is 2.5: give a positive integer"),
        ({"test_every_epoch": True}, "give selection 'last'"),
    ],
)
def test_bad_settings_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        EvalSpec(**wrong)
