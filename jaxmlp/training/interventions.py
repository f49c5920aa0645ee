"""Interventions: what changes a run in mid-training, as a part of its setting.

Each begins after an epoch and holds to the end. It says how the run goes on from there, by another spec or other
numbers, and what happens to the run's state; see `jaxmlp.training.run_phases` for what becomes of both.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jaxmlp.errors import InputError, check_choice, check_count
from jaxmlp.nn.hyper import USER, is_user_number
from jaxmlp.training.hyper import Hyper
from jaxmlp.training.optimizers import OPTIMIZERS, folded, init_optimizer

if TYPE_CHECKING:
    from jaxmlp.training.spec import RunSpec
    from jaxmlp.training.state import RunState

MOMENTS = ("both", "first", "second")
FIRST = ("mu", "trace")
"""What optax calls a moving mean or sum of gradients."""
SECOND = ("nu", "nu_max", "sum_of_squares")
"""And of squared gradients."""
READ_AT_START = ("init_gain", "prelu_slope", "running_var_start")
"""Numbers that are read when a run starts and never again."""


@dataclass(frozen=True)
class Intervention:
    """What changes a run after an epoch: the base of the kinds in `INTERVENTIONS`.

    `RunSpec.interventions` holds them by epoch, and those of one epoch in the order of `INTERVENTIONS`.

    >>> [(one.kind, one.epoch) for one in (ScaleRate(5, 0.1), ResetMoments(8))]
    [('scale_rate', 5), ('reset_moments', 8)]
    """

    kind: str = field(default="", init=False)
    epoch: int
    """The last epoch that it leaves alone, from 1 on."""

    def __post_init__(self) -> None:
        check_count(f"the epoch of {self.kind}", self.epoch)

    def onward(self, spec: "RunSpec", hyper: Hyper) -> tuple["RunSpec", Hyper]:
        """How the run goes on: its spec and numbers from here on, from those before."""
        return spec, hyper

    def changed(self, run: "RunState", spec: "RunSpec", hyper: Hyper) -> "RunState":
        """The run's state after it, of one run; spec and numbers are those before."""
        return run


@dataclass(frozen=True)
class ResetMoments(Intervention):
    """Start the optimizer's moments again at 0.

    `both` starts the whole state again, the count of steps included, so Adam's bias correction begins again too. One
    moment alone keeps the count, which the other needs: with β₂ = 0.999, v is then 1000 times too small at first.

    >>> ResetMoments(5).moments, ResetMoments(5, moments="second").moments
    ('both', 'second')
    """

    kind: str = field(default="reset_moments", init=False)
    moments: str = "both"
    """One of `MOMENTS`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("moments", self.moments, MOMENTS)

    def changed(self, run: "RunState", spec: "RunSpec", hyper: Hyper) -> "RunState":
        """With a new optimizer's state, or one with these moments 0."""
        if self.moments == "both":
            return _with_opt_state(run, init_optimizer(spec.optimizer, hyper, folded(spec.optimizer, run.train.params)))
        names = FIRST if self.moments == "first" else SECOND
        return _with_opt_state(run, _zeroed(run.train.opt_state, names))


@dataclass(frozen=True)
class FreezeSecondMoment(Intervention):
    """Hold the optimizer's second moment as it stands: see `jaxmlp.training.held`.

    >>> from jaxmlp import nn, training
    >>> spec, _ = FreezeSecondMoment(5).onward(training.RunSpec(nn.MLPSpec((4, 3))), Hyper())
    >>> spec.optimizer.hold_second_moment
    True
    """

    kind: str = field(default="freeze_second_moment", init=False)

    def onward(self, spec: "RunSpec", hyper: Hyper) -> tuple["RunSpec", Hyper]:
        """With the held rule."""
        return replace(spec, optimizer=replace(spec.optimizer, hold_second_moment=True)), hyper

    def changed(self, run: "RunState", spec: "RunSpec", hyper: Hyper) -> "RunState":
        """With the moment that is held."""
        held = OPTIMIZERS[spec.optimizer.name].held
        return run if held is None else _with_opt_state(run, held.hold(hyper, run.train.opt_state))


@dataclass(frozen=True)
class ClipFrom(Intervention):
    """Clip the gradient's norm from here on, as `OptimizerSpec.clip` does.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = ClipFrom(5, 1.0).onward(training.RunSpec(nn.MLPSpec((4, 3))), Hyper())
    >>> spec.optimizer.clip, hyper.clip_norm
    (True, 1.0)
    """

    kind: str = field(default="clip_from", init=False)
    norm: float
    """Largest norm, above 0: `Hyper.clip_norm` from here on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "norm", _positive("norm of clip_from", self.norm))

    def onward(self, spec: "RunSpec", hyper: Hyper) -> tuple["RunSpec", Hyper]:
        """With clipping on."""
        return replace(spec, optimizer=replace(spec.optimizer, clip=True)), hyper.replace(clip_norm=self.norm)


@dataclass(frozen=True)
class SetNumbers(Intervention):
    """Give numbers of `Hyper` other values, such as `SetNumbers(5, {"beta2": 0.99, "norm_momentum": 0.01})`.

    >>> from jaxmlp import nn, training
    >>> _, hyper = SetNumbers(5, {"beta2": 0.99}).onward(training.RunSpec(nn.MLPSpec((4, 3))), Hyper())
    >>> hyper.beta2
    0.99
    """

    kind: str = field(default="set_numbers", init=False)
    numbers: Mapping[str, float] | tuple[tuple[str, float], ...]
    """By name, a user's as `user.NAME`; kept as pairs in the order of their names."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "numbers", _pairs(self.numbers))

    def onward(self, spec: "RunSpec", hyper: Hyper) -> tuple["RunSpec", Hyper]:
        """With the new numbers."""
        given = dict(self.numbers)
        user = {name.removeprefix(USER): value for name, value in given.items() if is_user_number(name)}
        own = {name: value for name, value in given.items() if not is_user_number(name)}
        return spec, hyper.replace(**own, user={**hyper.user, **user})


@dataclass(frozen=True)
class ScaleRate(Intervention):
    """Multiply the learning rate; schedule and plateau go on as they were.

    >>> from jaxmlp import nn, training
    >>> _, hyper = ScaleRate(5, 0.5).onward(training.RunSpec(nn.MLPSpec((4, 3))), Hyper(learning_rate=0.25))
    >>> hyper.learning_rate
    0.125
    """

    kind: str = field(default="scale_rate", init=False)
    factor: float
    """Above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factor", _positive("factor of scale_rate", self.factor))

    def onward(self, spec: "RunSpec", hyper: Hyper) -> tuple["RunSpec", Hyper]:
        """With `Hyper.learning_rate` times the factor."""
        return spec, hyper.replace(learning_rate=hyper.learning_rate * self.factor)


INTERVENTIONS = (ResetMoments, FreezeSecondMoment, ClipFrom, SetNumbers, ScaleRate)
"""The kinds there are, in the order in which those of one epoch act."""


def in_order(given: Any, epochs: int) -> tuple[Intervention, ...]:
    """Interventions as a spec of so many epochs keeps them.

    Raises:
        InputError: what is no intervention, one that begins at the end or later, or two of a kind after one epoch.
    """
    if isinstance(given, Intervention) or not isinstance(given, Iterable):
        raise InputError(f"interventions are {given!r}: give a tuple of them, such as (ResetMoments(epoch=5),)")
    listed = tuple(given)
    for one in listed:
        if type(one) not in INTERVENTIONS:
            known = ", ".join(kind.__name__ for kind in INTERVENTIONS)
            raise InputError(f"{one!r} is no intervention: give one of {known}")
        if one.epoch >= epochs:
            raise InputError(f"{one.kind} after epoch {one.epoch} of {epochs} changes nothing: give 1 to {epochs - 1}")
    ordered = sorted(listed, key=lambda one: (one.epoch, INTERVENTIONS.index(type(one))))
    for one, other in pairwise(ordered):
        if (one.epoch, one.kind) == (other.epoch, other.kind):
            raise InputError(f"two of {one.kind} after epoch {one.epoch}: give one")
    return tuple(ordered)


def _with_opt_state(run: "RunState", opt_state: Any) -> "RunState":
    return run.replace(train=run.train.replace(opt_state=opt_state))


def _zeroed(state: Any, names: tuple[str, ...]) -> Any:
    def zeroed(path: tuple[Any, ...], leaf: Any) -> Any:
        return jnp.zeros_like(leaf) if is_named(path, names) else leaf

    return jax.tree_util.tree_map_with_path(zeroed, state)


def is_named(path: tuple[Any, ...], names: tuple[str, ...]) -> bool:
    """Whether a leaf of an optimizer's state, by its path, belongs to a part of such a name."""
    return any(getattr(key, "name", None) in names for key in path)


def _positive(what: str, number: object) -> float:
    if not isinstance(number, Real) or isinstance(number, bool) or not 0 < float(number) < math.inf:
        raise InputError(f"{what} is {number!r}: give a number above 0")
    return float(number)


def _pairs(numbers: Any) -> tuple[tuple[str, float], ...]:
    try:
        given = sorted((str(name), float(value)) for name, value in dict(numbers).items())
    except (TypeError, ValueError):
        given = []
    if not given:
        raise InputError(f"numbers of set_numbers are {numbers!r}: give names and values, such as {{'beta2': 0.99}}")
    return tuple(given)
