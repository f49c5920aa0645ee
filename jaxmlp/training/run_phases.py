"""The phases of a run: how it trains between interventions, and what happens to its state where the next one begins.

A phase trains by a spec without interventions. So runs that differ only in interventions are identical until the
first begins, and share one program: a study trains that past once.
"""

from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any

import jax
import jax.numpy as jnp

from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn import init_mlp
from jaxmlp.nn.hyper import USER
from jaxmlp.training.hyper import Hyper, check_hyper
from jaxmlp.training.interventions import (
    FIRST,
    READ_AT_START,
    SECOND,
    FreezeSecondMoment,
    Intervention,
    ResetMoments,
    SetNumbers,
    is_named,
)
from jaxmlp.training.optimizers import folded, init_optimizer
from jaxmlp.training.spec import RunSpec
from jaxmlp.training.state import RunState


@dataclass(frozen=True)
class Phase:
    """Epochs of a run between interventions.

    >>> from jaxmlp import nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((2, 3, 2)), interventions=(training.ResetMoments(5),))
    >>> [(phase.begin, [one.kind for one in phase.opening]) for phase in phases(spec, training.Hyper())]
    [(0, []), (5, ['reset_moments'])]
    """

    begin: int
    """The epoch after which it begins; 0 for the first."""
    spec: RunSpec
    """How it trains: without interventions."""
    hyper: Hyper
    opening: tuple[Intervention, ...] = ()
    """What happens where it begins."""


def phases(spec: RunSpec, hyper: Hyper) -> tuple[Phase, ...]:
    """The phases of a run, the first from its start.

    >>> from jaxmlp import nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((2, 3, 2)), interventions=(training.ScaleRate(5, 0.1),))
    >>> [(phase.begin, round(phase.hyper.learning_rate, 6)) for phase in phases(spec, training.Hyper())]
    [(0, 0.001), (5, 0.0001)]
    """
    found = [Phase(0, replace(spec, interventions=()), hyper)]
    for epoch, opening in groupby(spec.interventions, key=lambda one: one.epoch):
        acting = tuple(opening)
        onward = found[-1].spec, found[-1].hyper
        for one in acting:
            onward = one.onward(*onward)
        found.append(Phase(epoch, *onward, acting))
    return tuple(found)


def intervene(run: RunState, opening: tuple[Intervention, ...], *, spec: RunSpec, hyper: Hyper) -> RunState:
    """Apply the interventions that open a phase to the state that ended the phase before.

    A run that has stopped early or diverged has nothing to change, and stays.

    Args:
        run: one run, not lanes, after the last epoch of the phase before.
        opening: of the phase that begins.
        spec: of the phase before.
        hyper: of the phase before; may be traced.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> run = training.start_run(0, data.load("iris"), spec=spec, hyper=hyper)
    >>> run = intervene(run, (training.ResetMoments(5),), spec=spec, hyper=hyper)
    >>> run.train.params[0]["weight"].shape  # weights stay
    (3, 4)
    """
    new = run
    with jax.numpy_dtype_promotion("standard"):
        for one in opening:
            new = one.changed(new, spec, hyper)
    return jax.tree.map(lambda old, now: jnp.where(run.ended, old, now.astype(old.dtype)), run, new)


def check_interventions(spec: RunSpec, hyper: Hyper) -> None:
    """Raise `InputError` where an intervention has nothing to act on, or leads to a number outside its range.

    >>> from jaxmlp import nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((2, 3, 2)), interventions=(training.SetNumbers(5, {"beta1": 2.0}),))
    >>> check_interventions(spec, training.Hyper())
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: after epoch 5, beta1 is 2: give a number at least 0 and below 1
    """
    if spec.optimizer.hold_second_moment:
        raise InputError("hold_second_moment holds nothing at the start: give FreezeSecondMoment(epoch=...) instead")
    if not spec.interventions:
        return
    state = _opt_state(spec, hyper)
    for one in spec.interventions:
        try:
            if isinstance(one, SetNumbers):
                _check_set(one, spec)
            if isinstance(one, ResetMoments):
                _check_reset(one, spec, state)
        except InputError as error:
            raise InputError(f"{one.kind} after epoch {one.epoch}: {error}") from None
    for phase in phases(spec, hyper)[1:]:
        try:
            check_hyper(phase.hyper)
        except InputError as error:
            raise InputError(f"after epoch {phase.begin}, {error}") from None
    _check_frozen(spec)


def _opt_state(spec: RunSpec, hyper: Hyper) -> Any:
    """What the optimizer's state looks like; nothing is computed."""

    def start() -> Any:
        params, _ = init_mlp(jax.random.key(0), spec.mlp, hyper)
        return init_optimizer(spec.optimizer, hyper, folded(spec.optimizer, params))

    return jax.eval_shape(start)


def _check_set(one: SetNumbers, spec: RunSpec) -> None:
    known = [number.name for number in fields(Hyper) if number.name not in ("user", *READ_AT_START)]
    known += [f"{USER}{name}" for name in spec.user_numbers]
    for name, _ in one.numbers:
        if name in READ_AT_START:
            raise InputError(f"{name} is read at the start only, and changes nothing later: leave it out")
        check_choice("number", name, known)


def _check_reset(one: ResetMoments, spec: RunSpec, state: Any) -> None:
    names = {"first": FIRST, "second": SECOND}.get(one.moments)
    leaves = jax.tree.leaves_with_path(state)
    if not any(names is None or is_named(path, names) for path, _ in leaves):
        what = "state" if names is None else f"{one.moments} moment"
        raise InputError(f"{spec.optimizer.name} has no {what} to reset: leave it out, or choose another optimizer")


def _check_frozen(spec: RunSpec) -> None:
    """What is frozen has to be a moment, and stays."""
    frozen = [one.epoch for one in spec.interventions if isinstance(one, FreezeSecondMoment)]
    if len(frozen) > 1:
        raise InputError(f"freeze_second_moment after epochs {frozen}: it stays frozen, give the first alone")
    for one in spec.interventions:
        if isinstance(one, ResetMoments) and one.moments != "first" and frozen and one.epoch >= frozen[0]:
            raise InputError(
                f"reset_moments after epoch {one.epoch} would freeze a second moment of 0: give moments='first', or "
                "leave freeze_second_moment out"
            )
