"""Activations: one table, from the name a spec uses to the function and its number.

Adding one is `ACTIVATIONS.register`; specs, the command line and the contract tests read the table. Derivatives at a
kink are those of the side x <= 0, as the documents and PyTorch have it. NaN stays NaN in every entry, so that a net
that has left the floats is seen in its loss.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.components import Components
from jaxmlp.errors import InputError
from jaxmlp.nn.hyper import check_number

_SQRT_2_OVER_PI = 0.7978845608028654
GELU_CUBIC = 0.044715
"""The cubic coefficient of the tanh form of GELU."""
FINITE_DIFFERENCE_STEP, FINITE_DIFFERENCE_STEP_FLOAT64 = 1e-3, 1e-6
"""δ of the difference quotient: in float64 D2's own (S-056); in float32 that would leave no digits, 1e-3 leaves 3."""


def sigmoid(x: Array) -> Array:
    """1/(1 + e^−x); derivative σ(1 − σ): ¼ at 0, below 0.0067 outside [−5, 5] (S-050)."""
    return jax.nn.sigmoid(x)


def tanh(x: Array) -> Array:
    """The hyperbolic tangent; derivative 1 − tanh² (S-051)."""
    return jnp.tanh(x)


def relu(x: Array) -> Array:
    """max(0, x); derivative 1 for x > 0 and 0 for x <= 0, the kink included (S-052)."""
    # where, not maximum: JAX gives maximum the derivative ½ at the kink.
    # And x <= 0, not x > 0, which is false for NaN and would make it 0.
    return jnp.where(x <= 0, jnp.zeros_like(x), x)


def leaky_relu(x: Array, slope: Array | float) -> Array:
    """x for x > 0, else slope·x (S-053: slope 0.01; S-054: PReLU, where the slope is learned).

    D1 writes PReLU as max(αx, x), which is this only for α <= 1; this form holds for every α (A-29).
    """
    return jnp.where(x > 0, x, jnp.asarray(slope, x.dtype) * x)


def elu(x: Array, alpha: Array | float) -> Array:
    """x for x > 0, else α(e^x − 1); derivative α e^x at and below 0 (S-055: α = 1)."""
    # The inner where keeps e^x of large x out of the branch that is not taken, whose gradient would be NaN.
    below = jnp.where(x > 0, jnp.zeros_like(x), x)
    return jnp.where(x > 0, x, jnp.asarray(alpha, x.dtype) * jnp.expm1(below))


def gelu_tanh(x: Array) -> Array:
    """½x(1 + tanh(√(2/π)(x + 0.044715x³))), D2's GELU with its true derivative (S-056, A-19)."""
    return 0.5 * x * (1.0 + jnp.tanh(_SQRT_2_OVER_PI * (x + GELU_CUBIC * x**3)))


def gelu_erf(x: Array) -> Array:
    """xΦ(x) = ½x(1 + erf(x/√2)), the exact GELU, D3's (S-057)."""
    return 0.5 * x * (1.0 + lax.erf(x * 0.7071067811865476))


@jax.custom_vjp
def gelu_finite_difference(x: Array) -> Array:
    """`gelu_tanh` with D2's derivative, (f(x + δ) − f(x − δ))/2δ: two more evaluations per step (S-056, C-208).

    δ is 1e-6 in float64, as D2 has it, and 1e-3 in float32. Rounding of f(x ± δ) leaves an error of up to |x| u/δ for
    positive x: |x|·6e-5 in float32 and |x|·1e-10 in float64. Beyond 2¹⁵, x ± δ is x itself in float32 and the
    derivative is 0 instead of 1; in bfloat16, whose rounding error is above δ, that is so from ½ on.
    """
    return gelu_tanh(x)


def _difference_quotient(x: Array, g: Array) -> tuple[Array]:
    step = FINITE_DIFFERENCE_STEP_FLOAT64 if x.dtype == jnp.float64 else FINITE_DIFFERENCE_STEP
    return (g * (gelu_tanh(x + step) - gelu_tanh(x - step)) / (2 * step),)


gelu_finite_difference.defvjp(lambda x: (gelu_finite_difference(x), x), _difference_quotient)


def maxout(x: Array, pieces: int) -> Array:
    """The largest of k affine maps, per unit (S-039, S-058).

    Args:
        x: [B, k·O], the maps of all units one after another: map j of unit o is column j·O + o.
        pieces: k.

    Returns:
        [B, O]; the gradient goes to the largest, in equal parts where several are.

    Raises:
        InputError: a width that is no multiple of k.
    """
    if pieces < 1 or x.shape[1] % pieces:
        raise InputError(f"maxout of {x.shape[1]} columns in {pieces} pieces: give pieces that divide the columns")
    return jnp.max(x.reshape(x.shape[0], pieces, -1), axis=1)


class Activation(NamedTuple):
    """An elementwise function: from any shape to the same.

    >>> import jax, jaxmlp.nn as nn
    >>> def swish(x, beta):
    ...     return x * jax.nn.sigmoid(beta * x)
    >>> nn.ACTIVATIONS.register("swish", nn.Activation(swish, "user.beta", learned=True))
    'swish'
    >>> spec, hyper = nn.MLPSpec((4, 3, 2), activation="swish"), nn.NetHyper(user={"beta": 1.5})
    >>> nn.init_mlp(jax.random.key(0), spec, hyper)[0][0]["slope"]
    Array(1.5, dtype=float32)
    """

    function: Callable[..., Array]
    """Of x, and of its number where it has one."""
    number: str | None = None
    """A field of `NetHyper`, or a user's number such as `user.beta`: the function's second argument."""
    learned: bool = False
    """Each layer has its own number, a parameter that is trained; `number` is where it starts."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers it asks for."""
        return () if self.number is None else (self.number,)


def _check_activation(row: Activation) -> None:
    for number in row.numbers:
        check_number(number)
    if row.learned and row.number is None:
        raise InputError("a learned activation without number: name the one that its parameter starts from")


MAXOUTS = ("maxout", "maxout_layer")
"""What stands in an activation's place and has linear maps of its own: see `MLPSpec`."""

ACTIVATIONS: Components[Activation] = Components(
    "activation",
    Activation,
    {
        "sigmoid": sigmoid,
        "tanh": tanh,
        "relu": relu,
        "leaky_relu": Activation(leaky_relu, "leaky_slope"),
        "prelu": Activation(leaky_relu, "prelu_slope", learned=True),
        "elu": Activation(elu, "elu_alpha"),
        "gelu_tanh": gelu_tanh,
        "gelu_erf": gelu_erf,
        "gelu_finite_difference": gelu_finite_difference,
    },
    from_function=Activation,
    check=_check_activation,
    reserved=MAXOUTS,
)
"""The library's own, and what `ACTIVATIONS.register` adds; `MLPSpec(activation=function)` registers too."""


def activate(name: str, x: Array, number: Callable[[str], Array | float]) -> Array:
    """Apply an activation.

    Args:
        name: a key of `ACTIVATIONS`.
        x: any shape.
        number: gives the value of the number it asks for, if any.

    Raises:
        InputError: a function that does not keep the shape of x.
    """
    activation = ACTIVATIONS[name]
    y = activation.function(x, *map(number, activation.numbers))
    if jnp.shape(y) != x.shape:
        raise InputError(
            f"activation {name!r} makes {jnp.shape(y)} of an x of shape {x.shape}: let it work on each number alone"
        )
    return y
