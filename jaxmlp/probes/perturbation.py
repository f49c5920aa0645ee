"""How much the loss changes when parameters are moved at random by a share of their norm (C-019).

Every array W moves to W + ε ‖W‖ D/‖D‖ with D of independent normal numbers. Relative moves mean the same at every
scale of W, so batch norm's indifference to that scale does not matter. Arrays of zeros, as biases at the start, stay.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.errors import check_count
from jaxmlp.nn import Params
from jaxmlp.probes.curvature import LossFunction


class PerturbedLosses(NamedTuple):
    """Losses of moved nets, by size of the move and draw.

    >>> losses = PerturbedLosses(everywhere=jnp.zeros((3, 8)), layers=jnp.zeros((2, 3, 8)))
    >>> losses.layers.shape  # two layers, three sizes, eight draws
    (2, 3, 8)
    """

    everywhere: Array
    """[S, D], all layers moved."""
    layers: Array
    """[L, S, D], one layer moved and the others as they are."""


def relative_direction(key: Array, params: Any) -> Any:
    """A random direction whose every array is as long as that of `params`: ‖W‖ D/‖D‖.

    Args:
        key: draws it.
        params: a pytree of arrays.

    Returns:
        A pytree like it.

    >>> direction = relative_direction(jax.random.key(0), {"weight": jnp.array([3.0, 4.0])})
    >>> round(float(jnp.linalg.norm(direction["weight"])), 4)
    5.0
    """
    leaves, structure = jax.tree.flatten(params)

    def draw(i: int, leaf: Array) -> Array:
        noise = jax.random.normal(jax.random.fold_in(key, i), leaf.shape, leaf.dtype)
        return jnp.sqrt(jnp.sum(jnp.square(leaf)) / jnp.sum(jnp.square(noise))) * noise

    return structure.unflatten([draw(i, leaf) for i, leaf in enumerate(leaves)])


def perturbed_losses(loss: LossFunction, params: Params, key: Array, *, sizes: Array, draws: int) -> PerturbedLosses:
    """The loss behind random relative moves of several sizes, of all layers together and of each alone.

    Args:
        loss: of the parameters.
        params: θ, a tuple of L layers.
        key: draws the directions; a direction is moved along by all sizes, and by layers in their parts.
        sizes: ε, [S], such as 1e-4 to 1e-1.
        draws: D, directions.

    Returns:
        `PerturbedLosses`; (L + 1) S D losses, computed one after another.

    Raises:
        InputError: draws that are no positive integer.

    >>> params = ({"weight": jnp.ones((1, 2))},)
    >>> loss = lambda params: jnp.sum(params[0]["weight"] ** 2)
    >>> losses = perturbed_losses(loss, params, jax.random.key(0), sizes=jnp.array([0.0, 0.1]), draws=3)
    >>> losses.everywhere[0].tolist(), losses.layers.shape  # a move of size 0 is none
    ([2.0, 2.0, 2.0], (1, 2, 3))
    """
    check_count("draws", draws)
    count = len(params)
    # Which layers move: all, then one after another.
    masks = jnp.concatenate([jnp.ones((1, count)), jnp.eye(count)])

    def moved(direction: Params, mask: Array, size: Array) -> Array:
        def add(layer: int) -> Any:
            move = lambda leaf, d: leaf + mask[layer].astype(leaf.dtype) * size.astype(leaf.dtype) * d  # noqa: E731
            return jax.tree.map(move, params[layer], direction[layer])

        return loss(tuple(add(layer) for layer in range(count)))

    def draw(i: Array) -> Array:
        direction = relative_direction(jax.random.fold_in(key, i), params)
        return lax.map(lambda mask: lax.map(lambda size: moved(direction, mask, size), sizes), masks)

    losses = jnp.moveaxis(lax.map(draw, jnp.arange(draws)), 0, -1)
    return PerturbedLosses(losses[0], losses[1:])
