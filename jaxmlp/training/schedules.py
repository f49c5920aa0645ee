"""Learning-rate schedules: a factor of the step, 1 at the most, times `Hyper.learning_rate`.

Epochs and steps are counted from 0. Which schedule and how long its pieces are is static, by how much it cuts is
traced. A warm-up (`ScheduleSpec.warmup_epochs`) multiplies any of them; see `jaxmlp.training.plateau` for the cut that
waits for the validation loss.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxmlp.training.hyper import Hyper

if TYPE_CHECKING:
    from jaxmlp.training.spec import ScheduleSpec  # spec.py reads the table below


class Clock(NamedTuple):
    """Where a run stands, and how long it is."""

    step: Array
    """int32, updates done so far."""
    steps_per_epoch: int
    epochs: int


def constant(clock: Clock, spec: "ScheduleSpec", hyper: Hyper) -> Array:
    """The factor 1 at every step."""
    return jnp.ones_like(clock.step, dtype=float)


def step_decay(clock: Clock, spec: "ScheduleSpec", hyper: Hyper) -> Array:
    """f^⌊epoch/k⌋: a cut by f after every k epochs, as D4 writes (S-082, A-23): 1, 1, ½, ½, ¼, ... for k = 2."""
    return _power(hyper.decay_factor, clock.step // clock.steps_per_epoch // spec.decay_every)


def step_decay_d4(clock: Clock, spec: "ScheduleSpec", hyper: Hyper) -> Array:
    """f^⌈epoch/k⌉: a cut after epochs 0, k, 2k, ..., as D4's program does (S-082): 1, ½, ½, ¼, ¼, ... for k = 2.

    A remark in that program says every 3 epochs: k = 3.
    """
    return _power(hyper.decay_factor, -(-(clock.step // clock.steps_per_epoch) // spec.decay_every))


def cosine(clock: Clock, spec: "ScheduleSpec", hyper: Hyper) -> Array:
    """½(1 + cos πt), t from 0 at the end of the warm-up to 1 at the end of the run (Loshchilov and Hutter 2017)."""
    first = spec.warmup_epochs * clock.steps_per_epoch
    share = (clock.step - first).astype(float) / (clock.epochs * clock.steps_per_epoch - first)
    return 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(share, 0.0, 1.0)))


SCHEDULES: dict[str, Callable[[Clock, "ScheduleSpec", Hyper], Array]] = {
    "constant": constant,
    "step_decay": step_decay,
    "step_decay_d4": step_decay_d4,
    "cosine": cosine,
}


def warmup(clock: Clock, spec: "ScheduleSpec") -> Array:
    """(s + 1)/(w + 1) for the w steps s of the warm-up, 1 from then on: no step is wasted on a rate of 0."""
    steps = spec.warmup_epochs * clock.steps_per_epoch
    return jnp.minimum((clock.step + 1).astype(float) / (steps + 1), 1.0)


def schedule_factor(clock: Clock, spec: "ScheduleSpec", hyper: Hyper) -> Array:
    """The schedule's factor at a step, warm-up included.

    Args:
        clock: the step, and the length of the run.
        spec: which schedule.
        hyper: reads `decay_factor`.

    Returns:
        A scalar in JAX's default float dtype.
    """
    factor = SCHEDULES[spec.name](clock, spec, hyper)
    return factor * warmup(clock, spec) if spec.warmup_epochs else factor


def _power(base: Array | float, exponent: Array) -> Array:
    exponent = exponent.astype(float)
    return jnp.power(jnp.asarray(base, exponent.dtype), exponent)
