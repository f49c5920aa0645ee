"""Majority vote: of a test image's nearest neighbours (S-103), or of the networks of an ensemble (S-111)."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError


def majority_vote(votes: Array, num_classes: int) -> Array:
    """The class with the most votes for each example.

    Args:
        votes: [V, B] integers in 0..K−1, one row for each of V voters.
        num_classes: K; static.

    Returns:
        int32 [B]; of classes with equally many votes the lowest, scikit-learn's rule.

    Raises:
        InputError: `votes` is not [V, B] with at least one voter.

    >>> majority_vote(jnp.array([[2, 0], [2, 1], [0, 1]]), 3).tolist()
    [2, 1]
    """
    if votes.ndim != 2 or votes.shape[0] < 1:
        raise InputError(f"votes have shape {votes.shape}: give [V, B], a row for each of at least one voter")
    counts = jnp.sum(jax.nn.one_hot(votes, num_classes, dtype=jnp.int32), axis=0)
    return jnp.argmax(counts, axis=1).astype(jnp.int32)
