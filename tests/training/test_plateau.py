"""The plateau against torch's and the ledger's epochs; early stopping against its definition; both in a run."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import (
    METRICS,
    DataSpec,
    EarlyStop,
    EvalSpec,
    Hyper,
    OptimizerSpec,
    Plateau,
    RunSpec,
    RunStatus,
    ScheduleSpec,
    end_epoch,
    end_run,
    evaluate,
    init_run,
    net_of,
    train_epoch,
)

SERIES = 80
EPOCHS = 40


def loss_series():
    """[SERIES, EPOCHS]: falling and noisy, flat in places, some with NaN or infinity, some below 0."""
    rng = np.random.default_rng(0)
    falling = np.exp(-rng.uniform(0, 0.3, (SERIES, 1)) * np.arange(EPOCHS))
    series = falling + rng.choice([0.0, 0.01, 0.3], (SERIES, 1)) * rng.standard_normal((SERIES, EPOCHS))
    series[::4, 10:25] = series[::4, 10:11]
    series[5::10, 7], series[6::10, 12] = np.nan, np.inf
    return series


@jax.jit
def scales(losses, hyper):
    """[EPOCHS] what the rate is multiplied by after each epoch."""

    def step(state, loss):
        state = state.after_epoch(loss, hyper)
        return state, state.scale

    return jax.lax.scan(step, Plateau.start(), losses)[1]


def torch_rates(losses, factor, patience, threshold):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    # torch leaves out cuts of the rate by less than eps; ours has no such floor.
    rule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=factor, patience=patience, threshold=threshold, eps=0.0
    )
    rates = []
    for loss in losses:
        rule.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parity
def test_the_plateau_is_torchs_on_80_series(x64):
    rng = np.random.default_rng(1)
    cuts = 0
    for losses in loss_series():
        factor, patience, threshold = rng.uniform(0.05, 0.9), int(rng.integers(0, 6)), rng.choice([0.0, 1e-4, 0.05])
        hyper = Hyper(plateau_factor=factor, plateau_patience=patience, plateau_threshold=threshold)
        ours = scales(jnp.asarray(losses), jax.tree.map(jnp.float64, hyper))
        theirs = torch_rates(losses, factor, patience, threshold)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        cuts += theirs[-1] < 1
    assert cuts > SERIES // 2, "most of the series must have something to cut"


@pytest.mark.parametrize(("patience", "epochs"), [(3, [10, 14, 18]), (2, [9, 12, 15, 18]), (0, [*range(7, 21)])])
def test_a_patience_of_3_cuts_on_the_fourth_bad_epoch(patience, epochs):
    """S-073, A-10: with six good epochs, PyTorch's rule cuts at 10, 14, 18; one less is optax's 9, 12, 15, 18."""
    losses = jnp.asarray([1.0, 0.9, 0.8, 0.7, 0.6, 0.5] + 14 * [0.5])
    after = np.asarray(scales(losses, Hyper(plateau_patience=patience)))
    before = np.concatenate([[1.0], after[:-1]])
    assert [*(1 + np.flatnonzero(after < before))] == epochs
    np.testing.assert_allclose(after[-1], 0.1 ** len(epochs), rtol=1e-5)


def test_a_good_epoch_must_be_lower_by_the_threshold():
    creeping = jnp.asarray([1 - 1e-5 * i for i in range(6)])
    np.testing.assert_allclose(scales(creeping, Hyper())[-2:], [0.1, 0.1], rtol=1e-6)
    np.testing.assert_array_equal(scales(creeping, Hyper(plateau_threshold=1e-6)), np.ones(6))


def test_plateaus_in_lanes_are_plateaus_alone_and_trace_once():
    losses = jnp.asarray(loss_series()[:6], jnp.float32)
    hypers = [Hyper(plateau_patience=float(i), plateau_factor=0.1 + 0.1 * i) for i in range(6)]
    stacked = jax.tree.map(lambda *values: jnp.asarray(values, jnp.float32), *hypers)
    together = jax.vmap(scales)(losses, stacked)
    scales.clear_cache()
    for i, hyper in enumerate(hypers):
        alone = scales(losses[i], jax.tree.map(jnp.float32, hyper))
        np.testing.assert_allclose(together[i], alone, rtol=1e-6)
    assert scales._cache_size() == 1


@jax.jit
def stops(losses, hyper):
    def step(state, item):
        state = state.after_epoch(item, hyper)
        return state, state.stopped

    return jax.lax.scan(step, EarlyStop.start(), losses)[1]


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_a_run_stops_after_so_many_epochs_in_a_row_without_a_lower_loss(patience):
    """S-084, by its definition: the first epoch whose last `patience` losses are all not below what came before."""
    for losses in loss_series().astype(np.float32):
        known = np.where(np.isnan(losses), np.inf, losses)
        ends = [
            epoch
            for epoch in range(patience, EPOCHS)
            if (known[epoch - patience + 1 : epoch + 1] >= known[: epoch - patience + 1].min()).all()
        ]
        stopped = np.asarray(stops(jnp.asarray(losses), Hyper(stop_patience=patience)))
        assert [*np.flatnonzero(stopped)[:1]] == ends[:1]


# In a run.


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


def make_spec(*, epochs=4, split="random_fifth", plateau=False, schedule="constant", **kwargs):
    return RunSpec(
        MLPSpec((64, 10)),
        data=DataSpec(batch_size=32, train_size=100, split=split),
        optimizer=OptimizerSpec("sgd"),
        schedule=ScheduleSpec(schedule, plateau=plateau),
        evaluation=EvalSpec(batch_size=128, **kwargs),
        epochs=epochs,
    )


@partial(jax.jit, static_argnames="spec")
def one_epoch(run, digits, *, spec, hyper, epoch):
    run = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
    return end_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)


def run_to_end(spec, digits, hyper):
    """The run, and its state after every epoch."""
    runs = [jax.jit(partial(init_run, spec=spec))(0, digits, hyper=hyper)]
    for epoch in range(1, spec.epochs + 1):
        runs.append(one_epoch(runs[-1], digits, spec=spec, hyper=hyper, epoch=epoch))
    return jax.jit(partial(end_run, spec=spec))(runs[-1], digits, hyper=hyper), runs


def test_a_cut_holds_from_the_next_epoch_on_and_multiplies_the_schedule(digits):
    # No loss falls by 99 %: the first epoch is good, every later one is bad and, without patience, cut.
    hyper = Hyper(learning_rate=0.1, plateau_threshold=0.99, plateau_patience=0, plateau_factor=0.25)
    _, runs = run_to_end(make_spec(plateau=True, schedule="step_decay"), digits, hyper)
    expected = 0.1 * np.array([1, 1, 1, 0.5 * 0.25, 0.5 * 0.25**2])  # the schedule halves in epochs 3 and 4
    np.testing.assert_allclose(runs[-1].history["learning_rate"], expected, rtol=1e-6)
    moved = [
        np.abs(np.asarray(b - a)).max() for a, b in zip(*(_weights(r) for r in (runs[1:-1], runs[2:])), strict=True)
    ]
    assert moved[1] < 0.3 * moved[0]
    assert moved[2] < 0.5 * moved[1]


def _weights(runs):
    return [run.train.params[0]["weight"] for run in runs]


def test_a_stopped_run_is_frozen_and_tested_where_it_stopped(digits):
    hyper = Hyper(learning_rate=1.5, stop_patience=2)
    spec = make_spec(epochs=16, early_stopping=True, selection="last")
    run, runs = run_to_end(spec, digits, hyper)
    free, _ = run_to_end(replace(spec, evaluation=replace(spec.evaluation, early_stopping=False)), digits, hyper)
    losses = np.asarray(free.history["val_loss"])[1:]
    end = next(e for e in range(3, 17) if (losses[e - 2 : e] >= losses[: e - 2].min()).all())
    assert 3 < end < 16, "the test needs a run that stops in between"
    assert (RunStatus(int(run.status)), int(run.ended_epoch)) == (RunStatus.STOPPED_EARLY, end)
    for before, after in zip(jax.tree.leaves(runs[end]), jax.tree.leaves(runs[-1]), strict=True):
        np.testing.assert_array_equal(before, after)
    for metric in METRICS:
        ours, theirs = np.asarray(run.history[metric]), np.asarray(free.history[metric])
        assert not run.measured[metric][end + 1 :].any()
        if metric not in ("test_accuracy", "test_loss"):
            np.testing.assert_array_equal(ours[: end + 1], theirs[: end + 1])
    net, rows = net_of(runs[end], spec=spec, hyper=hyper), jnp.arange(len(digits.test_targets))
    tested = evaluate(net, digits.test_inputs, digits.test_targets, rows)[1]
    assert float(run.history["test_accuracy"][end]) == pytest.approx(float(tested), rel=1e-6)
    assert np.flatnonzero(run.measured["test_accuracy"]).tolist() == [end]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"plateau": True, "selection": "last"}, "option 'plateau' needs a validation part"),
        ({"early_stopping": True, "selection": "last"}, "early stopping needs a validation part"),
        ({}, "selection 'best_validation' needs a validation part: .* or selection 'last'"),
    ],
)
def test_watching_the_validation_loss_needs_one(fields, message):
    with pytest.raises(InputError, match=message):
        make_spec(split="none", **fields)
