"""Splitting the training images into a training and a validation part, as the documents did.

A split is a pair of index vectors, so that the images themselves stay where they are. Its sizes depend on the
number of examples alone and are Python numbers: batches are counted with them before anything runs.
"""

import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError


class Split(NamedTuple):
    """How a training and a validation part are made."""

    val_divisor: int
    """One part in so many is for validation; 0: nothing."""
    shuffled: bool
    """The last ones of a shuffled order are for validation; False: of the order as it is."""
    stratified: bool = False
    """Every class has its share in both parts, to within one example."""
    val_count: int | None = None
    """So many examples are for validation, instead of one part in `val_divisor`."""


SPLITS = {
    "random_fifth": Split(val_divisor=5, shuffled=True),
    "none": Split(val_divisor=0, shuffled=False),
    "last_tenth": Split(val_divisor=10, shuffled=False),
    "stratified_fifth": Split(val_divisor=5, shuffled=True, stratified=True),
}
"""`random_fifth` S-003 (48,000 and 12,000 of MNIST), `none` S-005 (all 60,000 and nothing), `last_tenth` S-008 (the
first 54,000 and the last 6,000), `stratified_fifth` for few examples or rare classes. Beside them `last_N`, such as
`last_100`: the last N in the order as it is, for rows in time order and for groups that must stay together."""

_LAST = re.compile(r"last_([1-9]\d{0,17})")


def split_named(name: str) -> Split:
    """The row of `SPLITS`, or the one that `last_N` stands for.

    Raises:
        InputError: neither.

    >>> split_named("last_100").val_count
    100
    """
    if isinstance(name, str) and (last := _LAST.fullmatch(name)):
        return Split(val_divisor=0, shuffled=False, val_count=int(last[1]))
    if name not in SPLITS:
        known = ", ".join(SPLITS)
        raise InputError(f"unknown split {name!r}: choose one of {known}, or the last so many, such as last_100")
    return SPLITS[name]


def split_sizes(name: str, num_examples: int) -> tuple[int, int]:
    """Numbers of training and validation examples.

    Args:
        name: one of `SPLITS`, or `last_N`.
        num_examples: examples to split.

    Returns:
        (num_train, num_val), whose sum is `num_examples`.

    Raises:
        InputError: unknown name, or too few examples for a part that the split promises.

    >>> split_sizes("random_fifth", 60_000), split_sizes("last_100", 60_000)
    ((48000, 12000), (59900, 100))
    """
    split = split_named(name)
    least = max(split.val_divisor, 1) if split.val_count is None else split.val_count + 1
    if num_examples < least:
        raise InputError(f"split {name!r} of {num_examples} examples: it needs at least {least}, or choose 'none'")
    num_val = split.val_count
    if num_val is None:
        num_val = num_examples // split.val_divisor if split.val_divisor else 0
    return num_examples - num_val, num_val


def split_indices(name: str, key: Array, num_examples: int, labels: Array | None = None) -> tuple[Array, Array]:
    """Positions of the training and of the validation examples; works under jit and under vmap over `key`.

    Args:
        name: one of `SPLITS`, or `last_N`.
        key: typed random key; only a shuffled split depends on it.
        num_examples: examples to split.
        labels: integers [N], read by a stratified split alone.

    Returns:
        (train_index int32 [num_train], val_index int32 [num_val]), disjoint, together 0 .. num_examples - 1.

    Raises:
        InputError: as `split_sizes`, or a stratified split without classes.

    >>> train, val = split_indices("last_tenth", jax.random.key(0), 20)
    >>> train.shape, val.tolist()
    ((18,), [18, 19])
    """
    num_train, _ = split_sizes(name, num_examples)
    split = split_named(name)
    order = jnp.arange(num_examples, dtype=jnp.int32)
    if split.shuffled:
        order = jax.random.permutation(key, order)
    if split.stratified:
        order = _stratified(order, name, labels, split.val_divisor)
    return order[:num_train], order[num_train:]


def _stratified(order: Array, name: str, labels: Array | None, divisor: int) -> Array:
    """The order with the validation part last: in the random order, sorted by class, every so many is one of it."""
    if labels is None or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise InputError(f"split {name!r} needs classes, and these targets are numbers: choose 'random_fifth'")
    count = order.shape[0]
    by_class = jnp.argsort(labels[order], stable=True)  # positions in `order`
    place = jnp.arange(count, dtype=jnp.int32)
    chosen = place % divisor == divisor - 1
    is_val = jnp.zeros(count, bool).at[by_class].set(chosen)
    return order[jnp.argsort(is_val, stable=True)]
