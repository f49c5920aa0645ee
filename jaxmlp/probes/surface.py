"""Slices of the loss surface around a net, in one and two dimensions (S-113; Li et al. 2018).

Directions are random and filter-normalized, d_i ‖θ_i‖/‖d_i‖ for every filter i and 0 for all that is no weight, so
that slices of nets of different scale can be compared; or they span the plane that holds most of a path of training.

Take the loss in training mode where the net has batch norm: in evaluation mode its running statistics belong to the
net in the middle alone, and what one sees around it is that they do not fit.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.flatten_util import ravel_pytree

from jaxmlp.nn import Params
from jaxmlp.probes.curvature import LossFunction
from jaxmlp.probes.filters import filter_normalized


class PathPlane(NamedTuple):
    """The plane through a net that is nearest to a path, by two orthogonal directions of length 1.

    >>> plane = path_plane(jnp.array([[2.0, 0.0], [1.0, 0.0]]), jnp.zeros(2))
    >>> plane.coordinates.shape, plane.shares.round(3).tolist()
    ((2, 2), [1.0, 0.0])
    """

    first: Any
    """A pytree like the net."""
    second: Any
    coordinates: Array
    """[T, 2], where in the plane the nets of the path lie."""
    shares: Array
    """[2], what share of the squared distances of the path's nets from the net each direction holds."""


def surface_direction(key: Array, params: Params) -> Params:
    """A random filter-normalized direction: normal numbers, each filter as long as that of `params` (S-113).

    >>> params = ({"weight": jnp.array([[3.0, 4.0]]), "bias": jnp.ones(1)},)
    >>> direction = surface_direction(jax.random.key(0), params)[0]
    >>> round(float(jnp.linalg.norm(direction["weight"])), 4), direction["bias"].tolist()
    (5.0, [0.0])
    """
    leaves, structure = jax.tree.flatten(params)
    noise = [jax.random.normal(jax.random.fold_in(key, i), leaf.shape, leaf.dtype) for i, leaf in enumerate(leaves)]
    return filter_normalized(structure.unflatten(noise), params)


def loss_slice(loss: LossFunction, params: Any, direction: Any, positions: Array) -> Array:
    """The loss along one direction, L(θ + a d).

    Args:
        loss: of the parameters.
        params: θ, the middle.
        direction: d, a pytree like it.
        positions: a, [P]; 0 is the net itself.

    Returns:
        [P], computed one after another.

    >>> loss_slice(lambda x: x @ x, jnp.zeros(2), jnp.array([3.0, 4.0]), jnp.array([0.0, 1.0])).tolist()
    [0.0, 25.0]
    """
    middle, unravel = ravel_pytree(params)
    along, _ = ravel_pytree(direction)
    return lax.map(lambda a: loss(unravel(middle + a * along)), positions.astype(middle.dtype))


def loss_plane(loss: LossFunction, params: Any, first: Any, second: Any, rows: Array, columns: Array) -> Array:
    """The loss on a plane, L(θ + a d₁ + b d₂).

    Args:
        loss: of the parameters.
        params: θ, the middle.
        first: d₁, a pytree like it.
        second: d₂, another.
        rows: a, [A].
        columns: b, [B].

    Returns:
        [A, B], computed one after another.

    >>> import jax.numpy as jnp
    >>> up, right = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
    >>> loss = lambda x: x[0] + 10 * x[1]
    >>> loss_plane(loss, jnp.zeros(2), up, right, jnp.array([0.0, 1.0]), jnp.array([2.0])).tolist()
    [[20.0], [21.0]]
    """
    middle, unravel = ravel_pytree(params)
    start, step = ravel_pytree(first)[0], unravel(ravel_pytree(second)[0])
    return lax.map(lambda a: loss_slice(loss, unravel(middle + a * start), step, columns), rows.astype(middle.dtype))


def path_plane(path: Any, params: Any) -> PathPlane:
    """The plane through a net that holds most of a path: principal components of the differences θ_t − θ.

    They are taken about the net, not about the path's mean, so that the net lies in the plane, and the coordinates are
    those of `loss_plane`. Two nets other than the net itself lie in the plane exactly.

    Args:
        path: leaves [T, ...], T at least 2.
        params: θ, such as the last of the path.

    Returns:
        `PathPlane`. Memory: T vectors of parameters. A direction that holds nothing is 0.

    >>> path = jnp.array([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    >>> round(float(path_plane(path, jnp.zeros(3)).shares.sum()), 4)  # two nets lie in the plane exactly
    1.0
    """
    middle, unravel = ravel_pytree(params)
    moves = jax.vmap(lambda net: ravel_pytree(net)[0])(path) - middle[None, :]
    squares, vectors = jnp.linalg.eigh(moves @ moves.T)
    kept, mixes = squares[-2:][::-1], vectors[:, -2:][:, ::-1]
    axes = jax.vmap(_unit_or_zero)(mixes.T @ moves)
    return PathPlane(unravel(axes[0]), unravel(axes[1]), moves @ axes.T, kept / jnp.sum(squares))


def _unit_or_zero(vector: Array) -> Array:
    norm = jnp.linalg.norm(vector)
    return jnp.where(norm > 0, vector / jnp.where(norm > 0, norm, 1.0), jnp.zeros_like(vector))
