"""Initializers: a standard variate times a scale, so that arms which differ in scale share their draws.

He's condition (S-041, S-042). For y = Σ_n w x with E[w] = 0 and x = ReLU(y⁻) of a symmetric y⁻,
Var(y) = n Var(w) E[x²] and E[x²] = ½ Var(y⁻) (the ½ that D0's second line drops: A-08). So
Var(y) = (n/2) Var(w) Var(y⁻), and the variance is kept when Var(w) = 2/n, with n = fan_in: the standard
deviation √(2/n) of a normal, or the bound √(6/n) of a uniform, whose variance is bound²/3
(He et al. 2015, "Delving deep into rectifiers").
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Initializer(NamedTuple):
    """How a linear layer starts: `variate(key, shape)` times `scale(fan_in)`; bias zero or a variate."""

    variate: Callable[[Array, tuple[int, ...]], Array]
    scale: Callable[[int], float]
    random_bias: bool = False


def standard_normal(key: Array, shape: tuple[int, ...]) -> Array:
    """Draws from N(0, 1)."""
    return jax.random.normal(key, shape)


def standard_uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Draws from U(−1, 1)."""
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


INITIALIZERS: dict[str, Initializer] = {
    # S-040, D0: torch.randn for weight and bias alike.
    "randn": Initializer(standard_normal, lambda fan_in: 1.0, random_bias=True),
    # S-041: Var(w) = 2/fan_in.
    "he_normal": Initializer(standard_normal, lambda fan_in: math.sqrt(2.0 / fan_in)),
    "he_uniform": Initializer(standard_uniform, lambda fan_in: math.sqrt(6.0 / fan_in)),
}

_WEIGHT, _BIAS = 0, 1  # the parameter counters of a layer's key


def init_linear(
    key: Array, initializer: Initializer, fan_in: int, fan_out: int, gain: Array | float, *, bias: bool
) -> dict[str, Array]:
    """Draw one linear layer's parameters.

    Args:
        key: the layer's key; weight and bias draw from `fold_in(key, 0)` and `fold_in(key, 1)`.
        initializer: an entry of `INITIALIZERS`.
        fan_in: I.
        fan_out: O.
        gain: multiplies the weight's scale; may be traced; 1 is neutral.
        bias: whether the layer has one.

    Returns:
        {"weight": [O, I], "bias": [O]}, the latter only with `bias`.
    """
    draw = initializer.variate(jax.random.fold_in(key, _WEIGHT), (fan_out, fan_in))
    params = {"weight": draw * (jnp.asarray(gain, draw.dtype) * initializer.scale(fan_in))}
    if bias and initializer.random_bias:
        params["bias"] = initializer.variate(jax.random.fold_in(key, _BIAS), (fan_out,))
    elif bias:
        params["bias"] = jnp.zeros((fan_out,), draw.dtype)
    return params
