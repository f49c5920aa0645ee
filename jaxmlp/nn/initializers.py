"""Initializers: a standard variate times a scale, so that arms which differ in scale share their draws.

He's condition (S-041, S-042). For y = Σ_n w x with E[w] = 0 and x = ReLU(y⁻) of a symmetric y⁻,
Var(y) = n Var(w) E[x²] and E[x²] = ½ Var(y⁻) (the ½ that D0's second line drops: A-08). So
Var(y) = (n/2) Var(w) Var(y⁻), and the variance is kept when Var(w) = 2/n, with n = fan_in: the standard
deviation √(2/n) of a normal, or the bound √(6/n) of a uniform, whose variance is bound²/3
(He et al. 2015, "Delving deep into rectifiers"). A function without the ReLU's ½ needs Var(w) = 1/n (LeCun);
Glorot and Bengio (2010, "Xavier") balance forward and backward with 2/(fan_in + fan_out), where fan_out counts the
rows of the weight: k·O for the k maps of maxout's O units.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.components import Components


class Initializer(NamedTuple):
    """How a linear layer starts: `variate(key, shape)` times `scale(fan_in, fan_out)`; the bias likewise, or zero.

    A weight's shape is [O, I]: the transpose of what flax's own initializers are given.

    >>> import math, jax, jaxmlp.nn as nn
    >>> def truncated(key, shape):
    ...     return jax.random.truncated_normal(key, -2.0, 2.0, shape)
    >>> row = nn.Initializer(truncated, lambda fan_in, fan_out: 1.0 / math.sqrt(fan_in))
    >>> nn.MLPSpec((4, 3, 2), initializer=nn.INITIALIZERS.register("truncated", row)).initializer
    'truncated'
    """

    variate: Callable[[Array, tuple[int, ...]], Array]
    scale: Callable[[int, int], float]
    random_bias: bool = False
    shared_prefix: bool = False
    """All layers read the same random sequence from its beginning, as one seed set in every layer does.

    A residual net's skips and D3's maxout layers have a sequence of their own, again the same in every layer.
    """


def standard_normal(key: Array, shape: tuple[int, ...]) -> Array:
    """Draws from N(0, 1), as D0 starts weights and biases (S-040)."""
    return jax.random.normal(key, shape)


def standard_uniform(key: Array, shape: tuple[int, ...]) -> Array:
    """Draws from U(−1, 1)."""
    return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)


def zeros(key: Array, shape: tuple[int, ...]) -> Array:
    """Nothing is drawn: every entry is 0, and every unit of a layer stays like the others (C-102)."""
    return jnp.zeros(shape)


def one_half_normal(key: Array, shape: tuple[int, ...]) -> Array:
    """One draw of |N(0, 1)| for all entries: units alike going in and coming out, duplicates that never part (C-103).

    Units that are alike going in alone part at the first step, by what the next layer makes of each.
    """
    return jnp.broadcast_to(jnp.abs(jax.random.normal(key)), shape)


def prefix_normal(key: Array, shape: tuple[int, ...]) -> Array:
    """The first entries of one sequence from N(0, 1), row by row, the same in every layer of D2's program (S-044)."""
    # Threefry counts along a flat array, so a shorter draw is the beginning of a longer one.
    return jax.random.normal(key, (math.prod(shape),)).reshape(shape)


INITIALIZERS: Components[Initializer] = Components(
    "initializer",
    Initializer,
    {
        # S-040, D0: torch.randn for weight and bias alike.
        "randn": Initializer(standard_normal, lambda fan_in, fan_out: 1.0, random_bias=True),
        # PyTorch's nn.Linear, weight and bias alike: what D3's nets start from, since it names no other (S-012).
        "torch_linear": Initializer(
            standard_uniform, lambda fan_in, fan_out: 1.0 / math.sqrt(fan_in), random_bias=True
        ),
        # S-043, S-044: N(0, s²) and U(−s, s) with s = `NetHyper.init_gain`: 0.01 in D1, D2 and D4.
        "normal": Initializer(standard_normal, lambda fan_in, fan_out: 1.0),
        "uniform": Initializer(standard_uniform, lambda fan_in, fan_out: 1.0),
        # S-044, D2's program: the generator is seeded anew in every layer. Only to check that it does not matter.
        "normal_shared_prefix": Initializer(prefix_normal, lambda fan_in, fan_out: 1.0, shared_prefix=True),
        # S-043: what D1 forbids; alike, units are a multiple of the mean of their inputs.
        "zeros": Initializer(zeros, lambda fan_in, fan_out: 1.0),
        "symmetric": Initializer(one_half_normal, lambda fan_in, fan_out: 1.0 / fan_in),
        # S-045, D4's randn/√n: Var(w) = 1/fan_in.
        "lecun_normal": Initializer(standard_normal, lambda fan_in, fan_out: math.sqrt(1.0 / fan_in)),
        # S-043: Var(w) = 2/(fan_in + fan_out).
        "xavier_normal": Initializer(standard_normal, lambda fan_in, fan_out: math.sqrt(2.0 / (fan_in + fan_out))),
        "xavier_uniform": Initializer(standard_uniform, lambda fan_in, fan_out: math.sqrt(6.0 / (fan_in + fan_out))),
        # S-041, S-045: Var(w) = 2/fan_in.
        "he_normal": Initializer(standard_normal, lambda fan_in, fan_out: math.sqrt(2.0 / fan_in)),
        "he_uniform": Initializer(standard_uniform, lambda fan_in, fan_out: math.sqrt(6.0 / fan_in)),
    },
)

_WEIGHT, _BIAS = 0, 1  # the parameter counters of a layer's key


def init_linear(
    key: Array,
    initializer: Initializer,
    layer: Array | int,
    fan_in: int,
    fan_out: int,
    gain: Array | float,
    *,
    bias: bool,
) -> dict[str, Array]:
    """Draw one linear layer's parameters.

    Args:
        key: the network's key; this layer's weight and bias draw from `fold_in(fold_in(key, layer), 0)` and 1.
        initializer: an entry of `INITIALIZERS`.
        layer: the layer's number; may be traced.
        fan_in: I.
        fan_out: O.
        gain: multiplies the weight's scale; may be traced; 1 is neutral, and s for the entries named after N(0, s²).
        bias: whether the layer has one.

    Returns:
        {"weight": [O, I], "bias": [O]}, the latter only with `bias`.
    """
    key = jax.random.fold_in(key, 0 if initializer.shared_prefix else layer)
    draw = initializer.variate(jax.random.fold_in(key, _WEIGHT), (fan_out, fan_in))
    params = {"weight": draw * (jnp.asarray(gain, draw.dtype) * initializer.scale(fan_in, fan_out))}
    if bias and initializer.random_bias:
        params["bias"] = initializer.variate(jax.random.fold_in(key, _BIAS), (fan_out,)) * initializer.scale(
            fan_in, fan_out
        )
    elif bias:
        params["bias"] = jnp.zeros((fan_out,), draw.dtype)
    return params
