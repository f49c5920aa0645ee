"""The numeric gradient: a finite difference along every axis, and how far a gradient is from it (S-106, C-410).

    forward    (f(x + h e_i) − f(x)) / h               error h f″/2 + rounding ε f/h       best at h ~ ε^(1/2)
    centred    (f(x + h e_i) − f(x − h e_i)) / 2h      error h² f‴/6 + rounding ε f/h      best at h ~ ε^(1/3)

D4 writes the forward one as a limit. Either costs one or two evaluations of f for each entry of x, where
backpropagation costs a few in all: exact enough to check a gradient with, too slow to train with.
"""

from collections.abc import Callable
from typing import TypeVar

import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from jaxmlp.errors import check_choice

DIFFERENCES = ("forward", "centred")

Tree = TypeVar("Tree")


def numeric_gradient(f: Callable[[Tree], Array], x: Tree, step: Array | float, *, kind: str = "centred") -> Tree:
    """∂f/∂x entry by entry, by finite differences.

    Args:
        f: from a pytree like `x` to a scalar.
        x: an array or a pytree of arrays of one floating dtype.
        step: h > 0; about 1e-5 in float64 and 1e-2 in float32 for the centred difference of numbers about 1.
        kind: one of `DIFFERENCES`.

    Returns:
        A pytree like `x`. The entries are computed one after another: time grows with their number, memory does not.

    Raises:
        InputError: unknown `kind`.

    >>> numeric_gradient(lambda x: jnp.sum(x**2), jnp.array([1.0, 2.0]), 0.5).tolist()
    [2.0, 4.0]
    """
    check_choice("difference", kind, DIFFERENCES)
    flat, unravel = ravel_pytree(x)
    h = jnp.asarray(step, flat.dtype)
    here = f(x) if kind == "forward" else None

    def moved(i: Array, by: Array) -> Array:
        return f(unravel(flat.at[i].add(by)))

    def slope(i: Array) -> Array:
        if here is not None:
            return (moved(i, h) - here) / h
        return (moved(i, h) - moved(i, -h)) / (2 * h)

    return unravel(lax.map(slope, jnp.arange(flat.size)))


def relative_error(gradient: Tree, numeric: Tree) -> Array:
    """‖a − n‖ / max(‖a‖, ‖n‖) over all entries of two gradients; 0 where both vanish.

    Args:
        gradient: a, a pytree of arrays.
        numeric: n, one like it.

    Returns:
        Scalar in [0, 2]: 0 for equal gradients, 2 for opposite ones.

    >>> a = jnp.array([3.0, 4.0])
    >>> float(relative_error(a, a)), float(relative_error(a, -a))
    (0.0, 2.0)
    """
    a, n = (ravel_pytree(tree)[0] for tree in (gradient, numeric))
    size = jnp.maximum(jnp.linalg.norm(a), jnp.linalg.norm(n))
    return jnp.where(size > 0, jnp.linalg.norm(a - n) / jnp.where(size > 0, size, 1.0), 0.0)
