"""Along the path of training: how far it went, by which steps, and what the loss does between its nets.

A path is a pytree of parameters whose leaves have one more leading axis [T]: the nets in order.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from jaxmlp.nn import Params
from jaxmlp.probes.curvature import LossFunction


def distance(start: Any, end: Any) -> Array:
    """‖end − start‖ over all parameters, a scalar; `end` like `start`.

    >>> float(distance({"a": jnp.zeros(2)}, {"a": jnp.array([3.0, 4.0])}))
    5.0
    """
    squares = jax.tree.map(lambda a, b: jnp.sum(jnp.square(b - a)), start, end)
    return jnp.sqrt(sum(jax.tree.leaves(squares)))


def update_ratios(before: Params, after: Params) -> Array:
    """Update-to-weight ratio ‖ΔW‖/‖W‖ of every linear of the main path, [L]; about 1e-3 is usual (S-110).

    Args:
        before: the parameters before one step, or several.
        after: those after it.

    Returns:
        [L], from the first linear to the last; infinite where a weight of zeros moved, NaN where it stayed.

    >>> before = ({"weight": jnp.array([[3.0, 4.0]])},)
    >>> after = ({"weight": jnp.array([[3.0, 6.5]])},)
    >>> update_ratios(before, after).tolist()  # 2.5 of 5
    [0.5]
    """
    pairs = zip(before, after, strict=True)
    return jnp.stack([jnp.linalg.norm(b["weight"] - a["weight"]) / jnp.linalg.norm(a["weight"]) for a, b in pairs])


def path_lengths(path: Any) -> Array:
    """How long the path is up to each of its nets, as a chain of straight pieces.

    Args:
        path: leaves [T, ...].

    Returns:
        [T]; 0 for the first. Divide the distance from the start by it to see how straight the path is.

    >>> path_lengths(jnp.array([[0.0], [2.0], [1.0]])).tolist()
    [0.0, 2.0, 3.0]
    """
    earlier, later = (jax.tree.map(lambda leaf, s=s: leaf[s], path) for s in (slice(None, -1), slice(1, None)))
    steps = jax.vmap(distance)(earlier, later)
    return jnp.concatenate([jnp.zeros((1,), steps.dtype), jnp.cumsum(steps)])


def gradient_lipschitz(loss: LossFunction, path: Any) -> Array:
    """‖∇L(θ_{t+1}) − ∇L(θ_t)‖/‖θ_{t+1} − θ_t‖ along a path: how fast the gradient changes (C-023).

    Of neighbouring nets it is the curvature along the step. Behind batch norm in training mode it falls as 1/norm² of
    the filters, as raw sharpness does: compare nets of different scale by `distance` times it, or not at all.

    Args:
        loss: of the parameters; one function for the whole path.
        path: leaves [T, ...], T at least 2.

    Returns:
        [T − 1]; NaN where a step has no length. One gradient is computed after another.

    >>> gradient_lipschitz(lambda x: jnp.sum(3 * x**2), jnp.array([[0.0], [2.0], [1.0]])).tolist()
    [6.0, 6.0]
    """

    def step(last: tuple[Any, Any], params: Any) -> tuple[tuple[Any, Any], Array]:
        gradient = jax.grad(loss)(params)
        return (params, gradient), distance(last[1], gradient) / distance(last[0], params)

    first = jax.tree.map(lambda leaf: leaf[0], path)
    rest = jax.tree.map(lambda leaf: leaf[1:], path)
    return lax.scan(step, (first, jax.grad(loss)(first)), rest)[1]


def loss_along_line(loss: LossFunction, start: Any, end: Any, positions: Array) -> Array:
    """The loss on the straight line between two nets: L((1 − t) start + t end).

    In evaluation mode the running statistics of either end fit neither the nets between nor, of one end, the other:
    use a loss in training mode, or one whose argument holds the statistics too, which are then moved along as well.

    Args:
        loss: of the parameters.
        start: a pytree.
        end: one like it.
        positions: t, [P]: 0 is the start, 1 the end, and others lie beyond.

    Returns:
        [P], computed one after another.

    >>> start, end, positions = jnp.array([0.0]), jnp.array([2.0]), jnp.array([0.0, 0.5, 1.0])
    >>> loss_along_line(lambda x: jnp.sum(x**2), start, end, positions).tolist()
    [0.0, 1.0, 4.0]
    """
    first, unravel = ravel_pytree(start)
    last, _ = ravel_pytree(end)
    return lax.map(lambda t: loss(unravel((1 - t) * first + t * last)), positions.astype(first.dtype))
