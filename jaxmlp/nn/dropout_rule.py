"""Dropout in its two forms; `rate` is always the *drop* probability (A-14). Without a key: prediction."""

import jax
import jax.numpy as jnp
from jax import Array


def dropout(key: Array | None, x: Array, rate: Array | float) -> Array:
    """Inverted dropout (S-038): zero each entry with probability `rate` and divide the rest by 1 − rate.

    The expectation over masks is x itself, so prediction is x.

    Args:
        key: a typed key, which gives one mask; None predicts.
        x: any shape.
        rate: in [0, 1), may be traced; 0 is neutral.

    Returns:
        Same shape and dtype.

    >>> x = jnp.ones((100,))
    >>> sorted(set(dropout(jax.random.key(0), x, 0.5).tolist())), set(dropout(None, x, 0.5).tolist())
    ([0.0, 2.0], {1.0})
    """
    if key is None:
        return x
    return _masked(key, x, rate) / (1.0 - jnp.asarray(rate, x.dtype))


def keep_probability_dropout(key: Array | None, x: Array, rate: Array | float) -> Array:
    """D1's form (S-037): train with m∘x, m ~ Bernoulli(p), predict with p·x, where p = 1 − rate.

    Training and prediction are those of `dropout` times p: the same net up to the scale of the next weights.

    >>> dropped = keep_probability_dropout(jax.random.key(0), jnp.ones((100,)), 0.5)
    >>> sorted(set(dropped.tolist())), keep_probability_dropout(None, jnp.ones((1,)), 0.5).tolist()
    ([0.0, 1.0], [0.5])
    """
    if key is None:
        return x * (1.0 - jnp.asarray(rate, x.dtype))
    return _masked(key, x, rate)


def _masked(key: Array, x: Array, rate: Array | float) -> Array:
    keep = jax.random.uniform(key, x.shape, x.dtype) >= jnp.asarray(rate, x.dtype)
    return jnp.where(keep, x, jnp.zeros_like(x))
