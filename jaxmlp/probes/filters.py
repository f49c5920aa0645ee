"""Filters: the weights into one unit, a row of a weight [O, I], and their norms (Li et al. 2018; S-113).

Behind batch norm the loss in training mode does not change when a filter is multiplied by a positive number. So the
same move θ + d means much where filters are short and little where they are long, and raw curvature falls as 1/norm².
What is measured relative to the filters' norms is free of that.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.nn import Params
from jaxmlp.training.regularized import is_regularized


def filter_norms(params: Params) -> Params:
    """The norm of its filter at every weight, and 0 at all else: biases, a norm's scale and shift, learned slopes.

    Args:
        params: of one net.

    Returns:
        Like `params`; of a weight [O, I] every entry of a row is that row's norm.

    >>> params = ({"weight": jnp.array([[3.0, 4.0], [0.0, 2.0]]), "bias": jnp.ones(2)},)
    >>> filter_norms(params)[0]["weight"].tolist(), filter_norms(params)[0]["bias"].tolist()
    ([[5.0, 5.0], [2.0, 2.0]], [0.0, 0.0])
    """

    def norms(path: tuple[Any, ...], leaf: Array) -> Array:
        if not is_regularized(path):
            return jnp.zeros_like(leaf)
        return jnp.broadcast_to(jnp.linalg.norm(leaf, axis=1, keepdims=True), leaf.shape)

    return jax.tree_util.tree_map_with_path(norms, params)


def filter_normalized(direction: Params, params: Params) -> Params:
    """A direction whose filters are as long as those of `params`; 0 for all that is no weight (S-113).

    Args:
        direction: d, a pytree like `params`.
        params: θ.

    Returns:
        d_i ‖θ_i‖/‖d_i‖ for every filter i; 0 for filters of d that are 0.

    >>> params = ({"weight": jnp.array([[3.0, 4.0]]), "bias": jnp.ones(1)},)
    >>> direction = ({"weight": jnp.array([[0.0, 2.0]]), "bias": jnp.ones(1)},)
    >>> found = filter_normalized(direction, params)[0]
    >>> found["weight"].tolist(), found["bias"].tolist()
    ([[0.0, 5.0]], [0.0])
    """

    def scaled(d: Array, now: Array, wanted: Array) -> Array:
        return jnp.where(now > 0, d * wanted / jnp.where(now > 0, now, 1.0), jnp.zeros_like(d))

    return jax.tree.map(scaled, direction, filter_norms(direction), filter_norms(params))
