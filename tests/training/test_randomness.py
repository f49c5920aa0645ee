"""Streams and orders: the numbers behind every published result, so a change here must be seen."""

import collections
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxmlp.training import Stream, shuffled, stream_key


def test_streams_are_fold_ins_that_never_move():
    key = jax.random.key(7, impl="threefry2x32")
    assert [int(s) for s in (Stream.INIT, Stream.SHUFFLE, Stream.DROPOUT, Stream.SPLIT)] == [0, 1, 2, 3]
    by_hand = jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, 2), 5), 1)
    assert (jax.random.key_data(stream_key(7, Stream.DROPOUT, 5, 1)) == jax.random.key_data(by_hand)).all()


@pytest.mark.parametrize("count", [1, 2, 3, 17, 1000, 65536, 65537, 100_000])
def test_an_order_has_every_value_once(count):
    values = 3 * jnp.arange(count, dtype=jnp.int32)
    order = np.asarray(shuffled(jax.random.key(1), values))
    np.testing.assert_array_equal(np.sort(order), values)
    assert count < 17 or (order != values).any()


def test_it_is_a_radix_sort_by_32_random_bits():
    """Against NumPy's stable sorts, lower bits first."""
    key, count = jax.random.key(2), 50_000
    low, high = (np.asarray(jax.random.bits(jax.random.fold_in(key, i), (count,))) & 0xFFFF for i in (0, 1))
    by_low, then_by_high = np.argsort(low, kind="stable"), np.argsort(high, kind="stable")
    np.testing.assert_array_equal(shuffled(key, jnp.arange(count)), by_low[then_by_high])


def test_all_orders_are_equally_likely():
    keys = jax.random.split(jax.random.key(0), 24_000)
    orders = jax.vmap(lambda key: shuffled(key, jnp.arange(4)))(keys)
    counts = collections.Counter(map(tuple, np.asarray(orders).tolist()))
    assert len(counts) == math.factorial(4)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_vmapped_orders_are_the_orders_one_by_one():
    keys = jax.random.split(jax.random.key(0), 3)
    lanes = jax.vmap(lambda key: shuffled(key, jnp.arange(100)))(keys)
    for lane, key in zip(lanes, keys, strict=True):
        np.testing.assert_array_equal(lane, shuffled(key, jnp.arange(100)))
