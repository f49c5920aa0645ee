"""Learning-rate schedules: a factor of the step, 1 at the most, times `Hyper.learning_rate`.

Epochs and steps are counted from 0. Which schedule and how long its pieces are is static, by how much it cuts is
traced. A warm-up (`ScheduleSpec.warmup_epochs`) multiplies any of them; see `jaxmlp.training.plateau` for the cut that
waits for the validation loss.

Any schedule of optax's is a row by `optax_schedule`. Three of the names here are curves that optax has too, to the last
bit or one more, and stay written out:

    constant      constant_schedule(1)                         the same bits
    step_decay    exponential_decay(1, k epochs, f, staircase) the same bits, but optax takes no traced f
    cosine        cosine_decay_schedule(1, steps)              one step in three differs by one unit in the last place,
                                                               which the rows of published runs would show
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxmlp.components import Components, is_from
from jaxmlp.errors import InputError, check_choice, check_count, shown
from jaxmlp.nn.hyper import check_user_numbers
from jaxmlp.training.hyper import Hyper
from jaxmlp.typed import check_types


@dataclass(frozen=True)
class ScheduleSpec:
    """How the learning rate moves over the steps.

    >>> ScheduleSpec().is_constant, ScheduleSpec("cosine").is_constant
    (True, False)
    """

    name: str = "constant"
    """A key of `SCHEDULES`; a `Schedule` or a function is registered and kept by its name."""
    decay_every: int = 2
    """Epochs from cut to cut, read by the step decays (S-082)."""
    warmup_epochs: int = 0
    """Epochs of a linear rise before the full rate, with any schedule; 0 is none."""
    plateau: bool = False
    """Also cut the rate when the validation loss stands still (S-073)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", SCHEDULES.name_of(self.name))
        check_types(self)
        check_choice("schedule", self.name, SCHEDULES)
        check_count("decay_every", self.decay_every)
        if type(self.warmup_epochs) is not int or self.warmup_epochs < 0:
            raise InputError(f"warmup_epochs is {shown(self.warmup_epochs)}: give a number of epochs, 0 for none")

    @property
    def is_constant(self) -> bool:
        """Whether the rate never moves."""
        return self.name == "constant" and not self.warmup_epochs and not self.plateau


class Clock(NamedTuple):
    """Where a run stands, and how long it is.

    >>> import jax.numpy as jnp
    >>> clock = Clock(jnp.array(300), steps_per_epoch=100, epochs=15)
    >>> int(clock.step) // clock.steps_per_epoch  # epochs that are over
    3
    """

    step: Array
    """int32, updates done so far."""
    steps_per_epoch: int
    epochs: int


def constant(clock: Clock, spec: ScheduleSpec, hyper: Hyper) -> Array:
    """The factor 1 at every step."""
    return jnp.ones_like(clock.step, dtype=float)


def step_decay(clock: Clock, spec: ScheduleSpec, hyper: Hyper) -> Array:
    """f^⌊epoch/k⌋: a cut by f after every k epochs, as D4 writes (S-082, A-23): 1, 1, ½, ½, ¼, ... for k = 2."""
    return _power(hyper.decay_factor, clock.step // clock.steps_per_epoch // spec.decay_every)


def step_decay_d4(clock: Clock, spec: ScheduleSpec, hyper: Hyper) -> Array:
    """f^⌈epoch/k⌉: a cut after epochs 0, k, 2k, ..., as D4's program does (S-082): 1, ½, ½, ¼, ¼, ... for k = 2.

    A remark in that program says every 3 epochs: k = 3.
    """
    return _power(hyper.decay_factor, -(-(clock.step // clock.steps_per_epoch) // spec.decay_every))


def cosine(clock: Clock, spec: ScheduleSpec, hyper: Hyper) -> Array:
    """½(1 + cos πt), t from 0 at the end of the warm-up to 1 at the end of the run (Loshchilov and Hutter 2017)."""
    first = spec.warmup_epochs * clock.steps_per_epoch
    share = (clock.step - first).astype(float) / (clock.epochs * clock.steps_per_epoch - first)
    return 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(share, 0.0, 1.0)))


class Schedule(NamedTuple):
    """The factor of the rate at a step: a function of the clock, the spec and the run's numbers, to a scalar.

    >>> import jax.numpy as jnp, jaxmlp.training as training
    >>> def inverse_root(clock, spec, hyper):
    ...     epoch = clock.step.astype(float) / clock.steps_per_epoch
    ...     return 1.0 / jnp.sqrt(1.0 + epoch / hyper.number("user.half_life"))
    >>> row = training.Schedule(inverse_root, numbers=("user.half_life",))
    >>> training.ScheduleSpec(training.SCHEDULES.register("inverse_root", row)).name
    'inverse_root'
    """

    function: Callable[[Clock, ScheduleSpec, Hyper], Array]
    numbers: tuple[str, ...] = ()
    """The user's numbers that it reads, such as `user.half_life`: a study hands over these alone."""


def _check_schedule(row: Schedule) -> None:
    if is_from("optax", row.function):
        raise InputError("this schedule is optax's, of the step alone: give optax_schedule(lambda steps, hyper: ...)")
    check_user_numbers(row.numbers)


SCHEDULES: Components[Schedule] = Components(
    "schedule",
    Schedule,
    {"constant": constant, "step_decay": step_decay, "step_decay_d4": step_decay_d4, "cosine": cosine},
    from_function=Schedule,
    check=_check_schedule,
)
"""The library's own, and what `SCHEDULES.register` adds; `ScheduleSpec(name=function)` registers too."""


def optax_schedule(make: Callable[[int, Hyper], optax.Schedule], numbers: tuple[str, ...] = ()) -> Schedule:
    """A schedule of optax's as a row: `make(steps, hyper)` gives it for a run of so many steps in all.

    Its values are factors of `Hyper.learning_rate`, so its peak is 1. Numbers of `hyper` are traced: they may stand
    where optax computes with them, not where it asks Python what they are.

    Args:
        make: from the run's length and numbers to optax's function of the step.
        numbers: the user's numbers that `make` reads.

    >>> import optax, jaxmlp.training as training
    >>> row = training.optax_schedule(lambda steps, hyper: optax.cosine_onecycle_schedule(steps, 1.0))
    >>> training.ScheduleSpec(training.SCHEDULES.register("onecycle", row)).name
    'onecycle'
    """
    return Schedule(partial(_of_optax, make), numbers)


def _of_optax(make: Callable[[int, Hyper], optax.Schedule], clock: Clock, spec: ScheduleSpec, hyper: Hyper) -> Array:
    # optax mixes the int32 step with floats, which strict promotion forbids.
    with jax.numpy_dtype_promotion("standard"):
        return jnp.asarray(make(clock.epochs * clock.steps_per_epoch, hyper)(clock.step), float)


def warmup(clock: Clock, spec: ScheduleSpec) -> Array:
    """(s + 1)/(w + 1) for the w steps s of the warm-up, 1 from then on: no step is wasted on a rate of 0."""
    steps = spec.warmup_epochs * clock.steps_per_epoch
    return jnp.minimum((clock.step + 1).astype(float) / (steps + 1), 1.0)


def schedule_factor(clock: Clock, spec: ScheduleSpec, hyper: Hyper) -> Array:
    """The schedule's factor at a step, warm-up included.

    Args:
        clock: the step, and the length of the run.
        spec: which schedule.
        hyper: the run's numbers; the step decays read `decay_factor`.

    Returns:
        A scalar in JAX's default float dtype.

    Raises:
        InputError: a schedule that gives no scalar.
    """
    factor = jnp.asarray(SCHEDULES[spec.name].function(clock, spec, hyper), float)
    if factor.ndim:
        raise InputError(f"schedule {spec.name!r} gives shape {factor.shape}: let it give one number, a factor")
    return factor * warmup(clock, spec) if spec.warmup_epochs else factor


def _power(base: Array | float, exponent: Array) -> Array:
    exponent = exponent.astype(float)
    return jnp.power(jnp.asarray(base, exponent.dtype), exponent)
