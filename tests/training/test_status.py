"""How a run ended, and after which epoch; what is recorded of it has no NaN, and a healthy run makes none."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.nn import MLPSpec
from jaxmlp.training import (
    METRICS,
    DataSpec,
    EvalSpec,
    Hyper,
    OptimizerSpec,
    RunSpec,
    RunStatus,
    ScheduleSpec,
    end_epoch,
    end_run,
    init_run,
    train_epoch,
)

EPOCHS = 4
LOSSES = ("train_loss", "val_loss", "test_loss")


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


def make_spec(*, early_stopping, **evaluation):
    return RunSpec(
        MLPSpec((64, 10)),
        data=DataSpec(batch_size=32, train_size=100),
        optimizer=OptimizerSpec("sgd"),
        evaluation=EvalSpec(batch_size=128, early_stopping=early_stopping, **evaluation),
        epochs=EPOCHS,
    )


def ended(spec, digits, patience, lost_at):
    """A run that no step moves, so that no epoch after the first is a good one, and the statuses it went through; in
    epoch `lost_at` its batches' losses are lost.
    """
    how = {"spec": spec, "hyper": Hyper(stop_patience=patience)}
    run = init_run(0, digits, **how)
    statuses = [RunStatus(int(run.status))]
    for epoch in range(1, EPOCHS + 1):
        loss_sum = jnp.full_like(run.loss_sum, jnp.nan if epoch == lost_at else 3.0)
        run = end_epoch(run.replace(loss_sum=loss_sum), digits, epoch=epoch, **how)
        statuses.append(RunStatus(int(run.status)))
    return end_run(run, digits, **how), statuses


# (early stopping, its patience, the epoch of the lost loss; status, epoch it ended, last epoch that is recorded).
CASES = {
    "done": (False, 1, None, RunStatus.DONE, EPOCHS, EPOCHS),
    "done, with an early stop that waits": (True, EPOCHS, None, RunStatus.DONE, EPOCHS, EPOCHS),
    "an early stop at the end leaves nothing out": (True, EPOCHS - 1, None, RunStatus.DONE, EPOCHS, EPOCHS),
    "stopped early": (True, 2, None, RunStatus.STOPPED_EARLY, 3, 3),
    "stopped before its loss would have been lost": (True, 1, 3, RunStatus.STOPPED_EARLY, 2, 2),
    "diverged at epoch 1": (False, 1, 1, RunStatus.DIVERGED, 1, EPOCHS),
    "diverged at the last epoch": (False, 1, EPOCHS, RunStatus.DIVERGED, EPOCHS, EPOCHS),
    "diverged at epoch 1, which stops it too": (True, 1, 1, RunStatus.DIVERGED, 1, EPOCHS),
    "diverged where it would have stopped": (True, 2, 3, RunStatus.DIVERGED, 3, EPOCHS),
    "diverged before it would have stopped": (True, 3, 2, RunStatus.DIVERGED, 2, EPOCHS),
}


@pytest.mark.parametrize("test_every_epoch", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_run_says_how_and_when_it_ended(digits, case, test_every_epoch):
    early_stopping, patience, lost_at, status, epoch, last = CASES[case]
    evaluation = {"selection": "last", "test_every_epoch": True} if test_every_epoch else {}
    run, statuses = ended(make_spec(early_stopping=early_stopping, **evaluation), digits, patience, lost_at)
    assert statuses == [RunStatus.TRAINING] * epoch + [status] * (EPOCHS + 1 - epoch)
    assert int(run.ended_epoch) == epoch
    assert bool(run.diverged) == (status is RunStatus.DIVERGED)
    lost = range(epoch, EPOCHS + 1) if run.diverged else ()
    for metric in METRICS:
        there = set(range(last + 1))
        if metric.startswith("test_") and not test_every_epoch:
            there = {last}
        if metric in LOSSES:
            there -= {*lost, *([0] if metric == "train_loss" else [])}
        assert np.flatnonzero(run.measured[metric]).tolist() == sorted(there), metric
        values = np.asarray(run.history[metric])
        assert not np.isnan(values).any()
        assert (values[~np.asarray(run.measured[metric])] == 0).all()
    np.testing.assert_array_equal(run.history["diverged"], [float(e in lost) for e in range(EPOCHS + 1)])


def test_runs_in_lanes_have_a_status_each(digits):
    spec = make_spec(early_stopping=True)
    patience = jnp.asarray([1.0, 2.0, 9.0])

    def run(patience):
        how = {"spec": spec, "hyper": Hyper(stop_patience=patience)}
        state = init_run(0, digits, **how)
        for epoch in range(1, EPOCHS + 1):
            state = end_epoch(state, digits, epoch=epoch, **how)
        return state

    lanes = jax.jit(jax.vmap(run))(patience)
    assert [RunStatus(int(s)).words for s in lanes.status] == ["stopped early", "stopped early", "done"]
    assert lanes.ended_epoch.tolist() == [2, 3, EPOCHS]


SPEC = RunSpec(
    MLPSpec((64, 9, 10), activation="sigmoid"),
    data=DataSpec(batch_size=32, train_size=100),
    evaluation=EvalSpec(batch_size=128),
    epochs=2,
)
HEALTHY = {
    "sigmoid": SPEC,
    "no validation part": replace(
        SPEC, data=DataSpec("none", batch_size=32, train_size=100), evaluation=EvalSpec("last", test_every_epoch=True)
    ),
    "early stop, plateau, log": replace(
        SPEC,
        schedule=ScheduleSpec("cosine", warmup_epochs=1, plateau=True),
        evaluation=EvalSpec(batch_size=128, early_stopping=True, log_every=2),
    ),
    "batch norm, D4's validation": replace(
        SPEC, mlp=MLPSpec((64, 9, 10), norm="batch_norm"), evaluation=EvalSpec(batch_size=128, validation="d4_shipped")
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_makes_no_nan_in_any_operation(digits, name):
    how = {"spec": HEALTHY[name], "hyper": Hyper(stop_patience=1)}
    with jax.debug_nans(True):
        run = init_run(0, digits, **how)
        for epoch in (1, 2):
            run = train_epoch(run, digits, epoch=epoch, **how)
            run = end_epoch(run, digits, epoch=epoch, **how)
        run = end_run(run, digits, **how)
    assert run.ended
    assert not run.diverged


def test_a_run_that_diverges_is_found_by_the_same_check(digits):
    how = {"spec": SPEC, "hyper": Hyper(learning_rate=1e38)}
    run = init_run(0, digits, **how)
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        train_epoch(run, digits, epoch=1, **how)
