"""Splitting the training images into a training and a validation part, as the documents did.

A split is a pair of index vectors, so that the images themselves stay where they are. Its sizes depend on the
number of examples alone and are Python numbers: batches are counted with them before anything runs.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError, check_choice


class Split(NamedTuple):
    """One part in `val_divisor` is for validation (0: nothing), the last ones of a shuffled or unshuffled order."""

    val_divisor: int
    shuffled: bool


SPLITS = {
    "random_fifth": Split(val_divisor=5, shuffled=True),
    "none": Split(val_divisor=0, shuffled=False),
    "last_tenth": Split(val_divisor=10, shuffled=False),
}
"""`random_fifth` S-003 (48,000 and 12,000 of MNIST), `none` S-005 (all 60,000 and nothing), `last_tenth` S-008 (the
first 54,000 and the last 6,000)."""


def split_sizes(name: str, num_examples: int) -> tuple[int, int]:
    """Numbers of training and validation examples.

    Args:
        name: one of `SPLITS`.
        num_examples: examples to split.

    Returns:
        (num_train, num_val), whose sum is `num_examples`.

    Raises:
        InputError: unknown name, or too few examples for a part that the split promises.
    """
    check_choice("split", name, SPLITS)
    divisor = SPLITS[name].val_divisor
    if num_examples < max(divisor, 1):
        raise InputError(
            f"split {name!r} of {num_examples} examples: it needs at least {max(divisor, 1)}, or choose 'none'"
        )
    num_val = num_examples // divisor if divisor else 0
    return num_examples - num_val, num_val


def split_indices(name: str, key: Array, num_examples: int) -> tuple[Array, Array]:
    """Positions of the training and of the validation examples; works under jit and under vmap over `key`.

    Args:
        name: one of `SPLITS`.
        key: typed random key; only a shuffled split depends on it.
        num_examples: examples to split.

    Returns:
        (train_index int32 [num_train], val_index int32 [num_val]), disjoint, together 0 .. num_examples - 1.

    Raises:
        InputError: as `split_sizes`.
    """
    num_train, _ = split_sizes(name, num_examples)
    order = jnp.arange(num_examples, dtype=jnp.int32)
    if SPLITS[name].shuffled:
        order = jax.random.permutation(key, order)
    return order[:num_train], order[num_train:]
