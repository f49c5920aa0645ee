"""Layer normalization: batch norm's formula along the features of each row (S-033)."""

import chex
import jax.numpy as jnp
from jax import Array, lax


def layer_norm(scale: Array, shift: Array, x: Array, eps: Array | float) -> Array:
    """γ (x − μ)/√(σ² + ε) + β with each row's own mean and biased variance.

    No statistics are kept, so training and prediction are the same (Ba et al. 2016).

    Args:
        scale: γ, [C].
        shift: β, [C].
        x: [B, C].
        eps: ε > 0; D1 gives none, 1e-5 is PyTorch's.

    Returns:
        y, [B, C].

    >>> layer_norm(jnp.ones(2), jnp.zeros(2), jnp.array([[1.0, 3.0], [10.0, 30.0]]), 1e-5).round(3).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    chex.assert_rank(x, 2)
    chex.assert_shape([scale, shift], x.shape[1:])
    mean = jnp.mean(x, axis=1, keepdims=True)
    centred = x - mean
    var = jnp.mean(jnp.square(centred), axis=1, keepdims=True)
    return centred * lax.rsqrt(var + jnp.asarray(eps, x.dtype)) * scale[None, :] + shift[None, :]
