"""Splits: who is in which part, and on what that depends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.data import SPLITS, split_indices, split_sizes
from jaxmlp.errors import InputError


def key(seed: int) -> jax.Array:
    return jax.random.key(seed, impl="threefry2x32")


@pytest.mark.parametrize(
    ("name", "num_examples", "sizes"),
    [
        ("random_fifth", 60_000, (48_000, 12_000)),
        ("none", 60_000, (60_000, 0)),
        ("last_tenth", 60_000, (54_000, 6_000)),
        ("random_fifth", 1442, (1154, 288)),
        ("last_tenth", 1442, (1298, 144)),
        ("none", 4, (4, 0)),
        ("last_7", 8, (1, 7)),
    ],
)
def test_sizes_are_those_of_the_documents(name: str, num_examples: int, sizes: tuple[int, int]):
    assert split_sizes(name, num_examples) == sizes
    train, val = split_indices(name, key(0), num_examples)
    assert (len(train), len(val)) == sizes


@pytest.mark.parametrize("name", [*SPLITS, "last_7"])
def test_the_parts_are_disjoint_and_complete(name: str):
    train, val = split_indices(name, key(3), 103, jnp.arange(103) % 3)
    assert train.dtype == val.dtype == jnp.int32
    assert sorted([*train.tolist(), *val.tolist()]) == list(range(103))


def test_unshuffled_splits_keep_the_order():
    train, val = split_indices("last_tenth", key(0), 50)
    assert (train.tolist(), val.tolist()) == (list(range(45)), list(range(45, 50)))
    assert split_indices("none", key(0), 50)[0].tolist() == list(range(50))


def test_a_random_split_depends_on_the_key_alone():
    first, again, other = (split_indices("random_fifth", key(seed), 500)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert set(first.tolist()) != set(other.tolist())


def test_every_example_is_chosen_for_validation_equally_often():
    keys = jax.vmap(key)(jnp.arange(2000))
    val = jax.vmap(lambda k: split_indices("random_fifth", k, 20)[1])(keys)
    share = np.bincount(np.asarray(val).ravel(), minlength=20) / 2000
    # Standard deviation of a share is (0.2 * 0.8 / 2000)**0.5 = 0.009.
    np.testing.assert_allclose(share, 0.2, atol=5 * 0.009)


@pytest.mark.parametrize("name", SPLITS)
def test_lanes_equal_single_runs_bit_for_bit(name: str):
    keys = jax.vmap(key)(jnp.arange(4))
    lanes = jax.jit(jax.vmap(lambda k: split_indices(name, k, 101, jnp.arange(101) % 4)))(keys)
    for i in range(4):
        for lane, single in zip(lanes, split_indices(name, key(i), 101, jnp.arange(101) % 4), strict=True):
            np.testing.assert_array_equal(lane[i], single)


@pytest.mark.parametrize(
    ("name", "num_examples", "message"),
    [
        ("halves", 100, "unknown split 'halves': choose one of random_fifth, none, last_tenth"),
        ("random_fifth", 4, "needs at least 5"),
        ("last_tenth", 9, "needs at least 10"),
        ("none", 0, "needs at least 1"),
        ("last_0", 100, "unknown split 'last_0'"),
        ("last_8", 8, "needs at least 9"),
        ("stratified_fifth", 100, "needs classes"),
    ],
)
def test_what_cannot_be_split_is_one_line(name: str, num_examples: int, message: str):
    sizes = (split_sizes,) if name != "stratified_fifth" else ()  # whose sizes need no classes
    for split in (*sizes, lambda n, e: split_indices(n, key(0), e)):
        with pytest.raises(InputError, match=rf"\A.*{message}.*\Z"):
            split(name, num_examples)


def test_a_stratified_split_has_every_class_in_both_parts_by_its_share():
    """Systematic sampling along the sorted classes: within one example of a fifth of each."""
    labels = jnp.asarray(np.repeat(np.arange(5), [3, 7, 20, 50, 120]), jnp.int32)
    vals = [np.asarray(split_indices("stratified_fifth", key(seed), 200, labels)[1]) for seed in range(40)]
    for val in vals:
        assert len(val) == 40
        counts = np.bincount(np.asarray(labels)[val], minlength=5)
        np.testing.assert_array_less(np.abs(counts - np.array([3, 7, 20, 50, 120]) / 5), 1)
    often = np.bincount(np.concatenate(vals), minlength=200) / 40
    assert often[30:].max() < 0.6  # who is chosen within a class is drawn anew
    assert len({tuple(sorted(val.tolist())) for val in vals}) == 40


def test_the_training_part_of_a_stratified_split_stays_in_random_order():
    labels = jnp.asarray(np.repeat([0, 1], 50), jnp.int32)
    train, _ = split_indices("stratified_fifth", key(0), 100, labels)
    first = np.asarray(labels)[np.asarray(train)[:20]]
    assert 4 < first.sum() < 16  # `train_size` takes the first so many
