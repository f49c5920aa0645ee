"""k-fold cross-validation: every example is validated on once, for when there are few (S-104, C-404).

The alternative with many examples, one validation part, is `jaxmlp.data.split_indices`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError


class Fold(NamedTuple):
    """One division of the examples: int32 positions of both parts, together 0..N−1.

    >>> fold = k_folds(5, 2)[0]
    >>> fold.train_index.tolist(), fold.val_index.tolist()
    ([3, 4], [0, 1, 2])
    """

    train_index: Array
    val_index: Array


def k_folds(num_examples: int, num_folds: int, key: Array | None = None) -> list[Fold]:
    """Divide the examples into folds, each of which is the validation part once.

    Sizes are equal, or one larger in the first `num_examples % num_folds` folds; they are known before anything runs.

    Args:
        num_examples: N.
        num_folds: 2..N.
        key: typed key of a random order of the examples, None for the order they have. The function works under vmap
            over it.

    Returns:
        `num_folds` folds, whose validation parts are disjoint and together all examples.

    Raises:
        InputError: `num_folds` outside 2..N.

    >>> [fold.val_index.tolist() for fold in k_folds(5, 2)]
    [[0, 1, 2], [3, 4]]
    """
    if not 2 <= num_folds <= num_examples:
        raise InputError(f"{num_folds} folds of {num_examples} examples: give 2 to {num_examples} folds")
    return _divided(num_examples, num_folds, key)


@partial(jax.jit, static_argnames=("num_examples", "num_folds"))
def _divided(num_examples: int, num_folds: int, key: Array | None) -> list[Fold]:
    order = jnp.arange(num_examples, dtype=jnp.int32)
    if key is not None:
        order = jax.random.permutation(key, order)
    size, larger = divmod(num_examples, num_folds)
    folds, start = [], 0
    for fold in range(num_folds):
        end = start + size + (fold < larger)
        folds.append(Fold(jnp.concatenate([order[:start], order[end:]]), order[start:end]))
        start = end
    return folds


def cross_validate(score: Callable[[Array, Array], Any], folds: Sequence[Fold]) -> Any:
    """A score of each fold, stacked.

    Args:
        score: from (train_index, val_index) to the score of what was fitted on the one and validated on the other:
            a scalar, or a pytree of arrays, such as one accuracy for each candidate of a hyperparameter.
        folds: of `k_folds`; at most two sizes occur, so a jitted `score` is compiled at most twice.

    Returns:
        The score's pytree with a leading axis of folds; its mean over that axis is what candidates are compared by.

    Raises:
        InputError: no folds.

    >>> cross_validate(lambda train, val: val.mean(dtype=float), k_folds(4, 2)).tolist()
    [0.5, 2.5]
    """
    if not folds:
        raise InputError("no folds to validate on: make them with k_folds")
    scores = [score(fold.train_index, fold.val_index) for fold in folds]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *scores)
