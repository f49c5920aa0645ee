"""What is traced about a run: `Hyper`, every number it reads."""

import math
from collections.abc import Mapping
from dataclasses import fields
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmlp.errors import InputError, shown
from jaxmlp.identity import is_neutral
from jaxmlp.nn import NetHyper
from jaxmlp.nn.hyper import USER, is_user_number
from jaxmlp.nn.ranges import range_of, ranged


class Hyper(NetHyper):
    """Every number of a run: floats, or arrays when traced; new values never recompile.

    Give whole numbers as floats too, such as 3.0: to `jax.jit` a Python int is another type, which is traced anew.

    >>> Hyper(learning_rate=0.1).replace(momentum=0.5).momentum, Hyper().learning_rate
    (0.5, 0.001)
    """

    learning_rate: Any = ranged(1e-3, above=0)
    """η, above 0; D0 also tries ten times this and, at 41 layers, less (S-072)."""
    beta1: Any = ranged(0.9, at_least=0, below=1)
    """Adam's decay of the first moment, in [0, 1)."""
    beta2: Any = ranged(0.999, at_least=0, below=1)
    """Adam's decay of the second moment, in [0, 1)."""
    adam_eps: Any = ranged(1e-8, at_least=0)
    """ε of Adam and AdamW, added outside the root (S-070)."""
    cache_eps: Any = ranged(1e-7, above=0)
    """ε of D4's AdaGrad, RMSProp and uncorrected Adam, added outside the root (S-079 to S-081)."""
    momentum: Any = ranged(0.9, at_least=0, below=1)
    """m of the momentum rules, in [0, 1) (S-077); 0 is neutral."""
    rmsprop_decay: Any = ranged(0.9, at_least=0, below=1)
    """RMSProp's decay of the squared gradient, in [0, 1) (S-080)."""
    weight_decay: Any = ranged(1e-4, at_least=0)
    """Strength of the weight decay, read where `OptimizerSpec` decays; 0 is neutral."""
    clip_norm: Any = ranged(1.0, above=0)
    """Largest norm of the gradient, read where `OptimizerSpec.clip` is on; any larger norm than occurs is neutral."""
    penalty: Any = ranged(1e-4, at_least=0)
    """λ of the penalty, read where `LossSpec` has one (S-068); 0 is neutral."""
    decay_factor: Any = ranged(0.5, above=0, at_most=1)
    """What each cut of a step decay multiplies the rate by (S-082); 1 is neutral."""
    plateau_factor: Any = ranged(0.1, above=0, at_most=1)
    """What a cut on a plateau multiplies the rate by (S-073); 1 is neutral."""
    plateau_patience: Any = ranged(3.0, at_least=0)
    """Bad epochs in a row that a plateau may have: the next one is cut (S-073, A-10)."""
    plateau_threshold: Any = ranged(1e-4, at_least=0, below=1)
    """Share by which the validation loss must fall below its lowest for a good epoch (S-073)."""
    stop_patience: Any = ranged(5.0, at_least=1)
    """Epochs in a row without a lower validation loss that stop a run (S-084)."""


def hyper_values(hyper: Hyper) -> dict[str, float]:
    """The numbers of a concrete `Hyper` as Python floats, by field; a user's as `user.NAME`, in order.

    Numbers that came after version 1 are left out while they are neutral; see `jaxmlp.identity`.

    >>> hyper_values(Hyper(learning_rate=0.1, user={"temperature": 2.0}))["user.temperature"]
    2.0
    """
    values = {
        field.name: float(getattr(hyper, field.name))
        for field in fields(hyper)
        if field.name != "user" and not is_neutral(field, getattr(hyper, field.name))
    }
    return values | {f"{USER}{name}": float(hyper.user[name]) for name in sorted(hyper.user)}


def hyper_of(values: Mapping[str, Any]) -> Hyper:
    """The `Hyper` with these numbers, the inverse of `hyper_values`; those that are left out have their defaults.

    Raises:
        TypeError: a name that is neither a number's nor `user.NAME`.

    >>> hyper_of({"learning_rate": 0.1, "user.temperature": 2.0}).user["temperature"]
    2.0
    """
    fixed = {name: value for name, value in values.items() if not is_user_number(name)}
    user = {name.removeprefix(USER): value for name, value in values.items() if is_user_number(name)}
    return Hyper(**fixed, user=user)


def check_hyper(hyper: Hyper) -> None:
    """Raise `InputError` for a number outside its range; call with concrete values, before anything runs.

    >>> check_hyper(Hyper(learning_rate=-0.1))
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: learning rate is -0.1: give a number above 0
    """
    for field in fields(hyper):
        if field.name == "user":
            continue
        what, allowed = field.name.replace("_", " "), range_of(field)
        value = _number_of(what, getattr(hyper, field.name))
        if value not in allowed:
            raise InputError(f"{what} is {value:g}: give a number {allowed}")
        _check_held(what, value, allowed.below)
    _check_user(hyper.user)


def _number_of(what: str, value: Any) -> float:
    """A concrete value of a number, as a Python float."""
    is_one = isinstance(value, Real | np.ndarray | jax.Array) and getattr(value, "shape", ()) == ()
    if not is_one or isinstance(value, bool) or getattr(value, "dtype", np.dtype(float)).kind not in "fiuV":
        raise InputError(f"{what} is {shown(value)}: give a finite number")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{what} has {len(str(value))} digits: give a number that fits into a float") from None


def _check_held(what: str, value: float, high: float) -> None:
    """Raise `InputError` where JAX's floats would hold another number: infinity, 0, or a bound that is not allowed."""
    kind = np.dtype(jnp.result_type(float))
    with np.errstate(over="ignore", under="ignore"):
        held = float(np.asarray(value, kind))
    small = 0.0 < abs(value) < float(np.finfo(kind).tiny)  # processors take such numbers for 0
    if small or math.isinf(held) or (high <= 1.0 and held >= high):
        instead = 0 if small else held
        raise InputError(f"{what} is {value!r}, which {kind} holds as {instead:g}: give a number that it can hold")


def _check_user(user: object) -> None:
    if not isinstance(user, Mapping):
        raise InputError(f"user is {user!r}: give names and numbers, such as {{'temperature': 2.0}}")
    for name, value in user.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise InputError(f"user has a number called {name!r}: give a word such as 'temperature'")
        number = _number_of(f"{USER}{name}", value)
        if not math.isfinite(number):
            raise InputError(f"{USER}{name} is {number:g}: give a finite number")
        _check_held(f"{USER}{name}", number, math.inf)
