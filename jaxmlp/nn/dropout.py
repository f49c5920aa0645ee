"""Inverted dropout (S-038): training zeroes units and scales up the rest, so prediction is plain."""

import jax
import jax.numpy as jnp
from jax import Array


def dropout(key: Array, x: Array, rate: Array | float) -> Array:
    """Zero each entry of x with probability `rate` and divide the rest by 1 − rate.

    The expectation over masks is x itself, so nothing is rescaled at prediction.

    Args:
        key: a typed key; each key gives one mask.
        x: any shape.
        rate: the *drop* probability in [0, 1), may be traced; 0 is neutral.

    Returns:
        The masked x, same shape and dtype.
    """
    rate = jnp.asarray(rate, x.dtype)
    keep = jax.random.uniform(key, x.shape, x.dtype) >= rate
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros_like(x))
