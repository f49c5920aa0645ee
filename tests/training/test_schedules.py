"""Schedules: the documents' printed rates, optax's curves, and the rates a run really uses."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmlp import data
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import (
    SCHEDULES,
    DataSpec,
    EvalSpec,
    Hyper,
    OptimizerSpec,
    RunSpec,
    ScheduleSpec,
    end_epoch,
    init_run,
    init_train_state,
    learning_rate,
    optax_schedule,
    train_epoch,
    train_step,
)
from jaxmlp.training.schedules import Clock, schedule_factor
from tests.user_rows import user_rows

__all__ = ["user_rows"]

STEPS, EPOCHS = 7, 10  # steps per epoch, epochs


def factors(spec, hyper=None, steps=STEPS, epochs=EPOCHS):
    """[epochs, steps] factors of every step of a run."""
    clock = jnp.arange(steps * epochs, dtype=jnp.int32)
    one = lambda step: schedule_factor(Clock(step, steps, epochs), spec, hyper or Hyper())
    return np.asarray(jax.jit(jax.vmap(one))(clock)).reshape(epochs, steps)


def curve(schedule, count=STEPS * EPOCHS):
    """[count] values of an optax schedule, which mixes dtypes that strict promotion keeps apart."""
    with jax.numpy_dtype_promotion("standard"):
        return np.asarray([schedule(step) for step in range(count)])


def test_the_halving_of_d4_as_its_program_does_it(x64):
    """S-082, A-23: the ten rates it used."""
    rates = 0.01 * factors(ScheduleSpec("step_decay_d4"))
    printed = [0.01, 0.005, 0.005, 0.0025, 0.0025, 0.00125, 0.00125, 0.000625, 0.000625, 0.0003125]
    np.testing.assert_allclose(rates, np.repeat(np.reshape(printed, (10, 1)), STEPS, axis=1), rtol=1e-12)


def test_the_halving_of_d4_as_it_is_written(x64):
    rates = 0.01 * factors(ScheduleSpec("step_decay"))
    written = [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025, 0.00125, 0.00125, 0.000625, 0.000625]
    np.testing.assert_allclose(rates, np.repeat(np.reshape(written, (10, 1)), STEPS, axis=1), rtol=1e-12)


@pytest.mark.parametrize("every", [1, 2, 3, 20])
def test_d4s_loop_cuts_after_the_epochs_its_number_divides(x64, every):
    rate, rates = 1.0, []
    for epoch in range(EPOCHS):
        rates.append(rate)
        if epoch % every == 0:
            rate *= 0.3
    ours = factors(ScheduleSpec("step_decay_d4", decay_every=every), Hyper(decay_factor=0.3))
    np.testing.assert_allclose(ours[:, 0], rates, rtol=1e-12)


@pytest.mark.parametrize("every", [1, 2, 3, 20])
def test_step_decay_is_optaxs_staircase(x64, every):
    theirs = curve(optax.exponential_decay(1.0, every * STEPS, 0.3, staircase=True))
    ours = factors(ScheduleSpec("step_decay", decay_every=every), Hyper(decay_factor=0.3))
    np.testing.assert_allclose(ours.ravel(), theirs, rtol=1e-12)


def test_cosine_is_optaxs(x64):
    theirs = curve(optax.cosine_decay_schedule(1.0, STEPS * EPOCHS))
    np.testing.assert_allclose(factors(ScheduleSpec("cosine")).ravel(), theirs, rtol=1e-9)


def test_in_float32_the_named_ones_are_optaxs_to_the_last_place():
    """The staircase and the constant bit for bit, the cosine to one unit in the last place of 1."""
    pairs = {
        "constant": optax.constant_schedule(1.0),
        "step_decay": optax.exponential_decay(1.0, 2 * STEPS, 0.3, staircase=True),
        "cosine": optax.cosine_decay_schedule(1.0, STEPS * EPOCHS),
    }
    for name, theirs in pairs.items():
        ours = factors(ScheduleSpec(name), Hyper(decay_factor=0.3)).ravel()
        expected = np.float32(np.broadcast_to(curve(theirs), ours.shape))
        np.testing.assert_allclose(ours, expected, rtol=0, atol=2**-23 if name == "cosine" else 0)


ANY = {
    "one cycle": lambda steps, hyper: optax.cosine_onecycle_schedule(steps, 1.0),
    "linear": lambda steps, hyper: optax.linear_schedule(1.0, 0.1, steps // 2),
    "polynomial to a number of the run's": lambda steps, hyper: optax.polynomial_schedule(
        1.0, hyper.number("user.end"), 2, steps
    ),
    "joined": lambda steps, hyper: optax.join_schedules(
        [optax.linear_schedule(0.1, 1.0, 5), optax.cosine_decay_schedule(1.0, steps - 5)], [5]
    ),
    "steps": lambda steps, hyper: optax.piecewise_constant_schedule(1.0, {10: 0.5, 30: 0.5}),
}


@pytest.mark.usefixtures("user_rows")
@pytest.mark.parametrize("name", ANY)
def test_any_schedule_of_optaxs_is_a_row(x64, name):
    """With a warm-up on top, a fingerprint, and the run's own numbers traced."""
    row = optax_schedule(ANY[name], numbers=("user.end",))
    SCHEDULES.register("own", row)
    hyper = Hyper(user={"end": 0.25})
    theirs = curve(ANY[name](STEPS * EPOCHS, hyper))
    np.testing.assert_allclose(
        factors(ScheduleSpec("own"), hyper).ravel(), theirs, atol=1e-6
    )  # some are float32 inside
    warm = factors(ScheduleSpec("own", warmup_epochs=2), hyper).ravel()
    np.testing.assert_allclose(warm, theirs * factors(ScheduleSpec(warmup_epochs=2)).ravel(), atol=1e-6)
    assert len(SCHEDULES.fingerprint("own") or "") == 64


@pytest.mark.usefixtures("user_rows")
def test_a_run_trains_with_optaxs_rates(digits):
    SCHEDULES.register("own", optax_schedule(ANY["one cycle"]))
    spec, hyper = make_spec(ScheduleSpec("own")), Hyper(learning_rate=0.01)
    run = start(spec, digits, hyper)
    for epoch in (1, 2):
        run = epoch_of(run, digits, hyper, epoch, spec=spec)
    rates = 0.01 * curve(optax.cosine_onecycle_schedule(15, 1.0), 6)
    np.testing.assert_allclose(run.history["learning_rate"][1:3], rates[[2, 5]], rtol=1e-5)


@pytest.mark.parametrize("epochs", [1, 3])
def test_warm_up_is_optaxs_from_a_first_step_that_is_not_0(x64, epochs):
    steps = epochs * STEPS
    start = {"init_value": 1 / (steps + 1), "peak_value": 1.0, "warmup_steps": steps}
    pairs = {
        "constant": optax.warmup_constant_schedule(**start),
        "cosine": optax.warmup_cosine_decay_schedule(**start, decay_steps=STEPS * EPOCHS),
    }
    for name, theirs in pairs.items():
        ours = factors(ScheduleSpec(name, warmup_epochs=epochs)).ravel()
        np.testing.assert_allclose(ours, curve(theirs), rtol=1e-9)
        assert ours[0] > 0
        assert ours[steps - 1] < ours[steps] == 1.0


def test_warm_up_multiplies_the_cuts_of_the_epochs(x64):
    both = factors(ScheduleSpec("step_decay", warmup_epochs=3))
    ramp, decay = factors(ScheduleSpec(warmup_epochs=3)), factors(ScheduleSpec("step_decay"))
    np.testing.assert_allclose(both, ramp * decay, rtol=1e-12)
    assert ramp[2, -1] < 1
    assert decay[2, 0] == 0.5


@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("name", SCHEDULES)
def test_contracts_of_every_schedule(name, warmup):
    """Between 0 and 1, at jit as without, in lanes as alone, and traced once for new numbers."""
    spec = ScheduleSpec(name, warmup_epochs=warmup)

    def one(step, decay_factor):
        return schedule_factor(Clock(step, STEPS, EPOCHS), spec, Hyper(decay_factor=decay_factor))

    jitted = jax.jit(chex.assert_max_traces(one, n=1))
    steps = jnp.arange(0, STEPS * EPOCHS, 9, dtype=jnp.int32)
    cuts = jnp.linspace(0.1, 1.0, len(steps))
    values = np.asarray([jitted(step, cut) for step, cut in zip(steps, cuts, strict=True)])
    assert values.dtype == np.float32
    assert (values > 0).all()
    assert (values <= 1).all()
    np.testing.assert_allclose([one(step, cut) for step, cut in zip(steps, cuts, strict=True)], values, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(one)(steps, cuts), values, rtol=1e-5)


# In a run.


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


def make_spec(schedule, epochs=5):
    return RunSpec(
        MLPSpec((64, 10)),
        data=DataSpec(batch_size=32, train_size=100),
        schedule=schedule,
        optimizer=OptimizerSpec("sgd"),
        evaluation=EvalSpec(batch_size=128),
        epochs=epochs,
    )


@partial(jax.jit, static_argnames="spec")
def epoch_of(run, digits, hyper, epoch, first=0, *, spec, count=None):
    run = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch, first=first, count=count)
    return end_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)


def start(spec, digits, hyper):
    return jax.jit(partial(init_run, spec=spec))(0, digits, hyper=hyper)


def test_the_history_shows_the_rate_each_epoch_ended_with(digits):
    spec, hyper = make_spec(ScheduleSpec("step_decay_d4")), Hyper(learning_rate=0.01)
    run = start(spec, digits, hyper)
    for epoch in range(1, 6):
        run = epoch_of(run, digits, hyper, epoch, spec=spec)
    # Epoch 0, before training, shows the first step's.
    np.testing.assert_allclose(run.history["learning_rate"], [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025], rtol=1e-6)


def test_an_epoch_trains_with_the_scheduled_rates(digits):
    """Two epochs with warm-up and cosine, against single steps at rates written out."""
    spec, hyper = make_spec(ScheduleSpec("cosine", warmup_epochs=1)), Hyper(learning_rate=0.2)
    flat = make_spec(ScheduleSpec())
    run, by_hand = start(spec, digits, hyper), start(flat, digits, hyper)
    for epoch in (1, 2):
        run = epoch_of(run, digits, hyper, epoch, spec=spec)
    for step, factor in enumerate([1 / 4, 2 / 4, 3 / 4, 1, *(0.5 * (1 + np.cos(np.pi * np.array([1, 2]) / 12)))]):
        rate = Hyper(learning_rate=0.2 * factor)
        by_hand = epoch_of(by_hand, digits, rate, step // 3 + 1, step % 3, spec=flat, count=1)
    assert int(run.train.step) == int(by_hand.train.step) == 6
    np.testing.assert_allclose(run.train.params[0]["weight"], by_hand.train.params[0]["weight"], rtol=1e-4, atol=1e-6)


def test_a_step_of_its_own_needs_the_rate_a_schedule_gives():
    spec, hyper = make_spec(ScheduleSpec("cosine")), Hyper(learning_rate=0.2)
    params = ({"weight": jnp.zeros((10, 64)), "bias": jnp.zeros(10)},)
    state = init_train_state(params, ({},), spec=spec, hyper=hyper)
    x, labels = jnp.ones((3, 64)), jnp.zeros(3, jnp.int32)
    with pytest.raises(InputError, match="give train_step its rate"):
        train_step(state, x, labels, spec=spec, hyper=hyper)
    rate = learning_rate(jnp.int32(12), spec=spec, hyper=hyper, steps_per_epoch=3)
    moved, _ = train_step(state, x, labels, spec=spec, hyper=hyper, rate=rate)
    expected = -0.2 * 0.5 * (1 + np.cos(np.pi * 12 / 15)) * (0.1 - np.eye(10)[0])
    np.testing.assert_allclose(moved.params[0]["bias"], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScheduleSpec("linear"), "unknown schedule 'linear': choose one of constant, step_decay"),
        (lambda: ScheduleSpec("step_decay", decay_every=0), "decay_every is 0: give a positive integer"),
        (lambda: ScheduleSpec(warmup_epochs=-1), "warmup_epochs is -1: give a number of epochs"),
        (lambda: ScheduleSpec(warmup_epochs=1.5), "warmup_epochs is 1.5"),
        (lambda: make_spec(ScheduleSpec(warmup_epochs=5)), "a warm-up of 5 epochs fills all 5"),
    ],
)
def test_wrong_schedules_say_what_is_accepted(make, message):
    with pytest.raises(InputError, match=message):
        make()
