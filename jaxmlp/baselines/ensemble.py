"""Ensembles: one answer of M networks, by the mean of their probabilities or by majority vote (S-111, C-428)."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.baselines.voting import majority_vote
from jaxmlp.errors import InputError


def mean_probabilities(logits: Array) -> Array:
    """The mean over the networks of softmax(z): class probabilities of the ensemble.

    −log of the mean is never above the mean of the networks' −log (Jensen): in cross-entropy an ensemble is at least
    as good as its members are on average.

    Args:
        logits: z, [M, B, K].

    Returns:
        [B, K], rows sum to 1.

    Raises:
        InputError: `logits` is not [M, B, K] with at least one network and two classes.

    >>> mean_probabilities(jnp.log(jnp.array([[[0.75, 0.25]], [[0.25, 0.75]]]))).round(3).tolist()
    [[0.5, 0.5]]
    """
    _check_logits(logits)
    return jnp.mean(jax.nn.softmax(logits, axis=2), axis=0)


def ensemble_vote(logits: Array) -> Array:
    """The class that most networks rank first.

    Args:
        logits: [M, B, K].

    Returns:
        int32 [B]; of equally many votes, and of equal logits, the lowest class.

    Raises:
        InputError: as `mean_probabilities`.

    >>> logits = jnp.array([[[9.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]])
    >>> ensemble_vote(logits).tolist()  # two of three networks rank class 1 first, however sure the third is
    [1]
    """
    _check_logits(logits)
    return majority_vote(jnp.argmax(logits, axis=2), logits.shape[2])


def _check_logits(logits: Array) -> None:
    if logits.ndim != 3 or logits.shape[0] < 1 or logits.shape[2] < 2:
        raise InputError(f"logits have shape {logits.shape}: give [M, B, K] of at least one network and two classes")
