"""Packing loses nothing and changes no update."""

from dataclasses import replace

import chex
import jax
import numpy as np
import pytest

from jaxmlp.nn import MLPSpec, NetHyper, init_mlp
from jaxmlp.training import OPTIMIZERS, Hyper, OptimizerSpec
from jaxmlp.training.optimizers import init_optimizer, update
from jaxmlp.training.packed import pack, unpack

NETS = {
    "plain": MLPSpec((6, 5, 4)),
    "no_bias": MLPSpec((6, 5, 4), bias=False),
    "batch_norm": MLPSpec((6, 5, 5, 4), norm="batch_norm"),
    "prelu": MLPSpec((6, 5, 5, 4), activation="prelu"),
    "maxout_layer": MLPSpec((6, 5, 4), activation="maxout_layer"),
    "residual": MLPSpec((6, 5, 5, 5, 5, 5, 4), residual="d0"),
}


def numbers_like(params, seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jax.numpy.asarray(rng.standard_normal(leaf.shape), leaf.dtype), params)


def drawn(spec):
    return numbers_like(init_mlp(jax.random.key(0), spec, NetHyper())[0], 1)


@pytest.mark.parametrize("net", NETS)
def test_unpacking_gives_back_every_number_in_its_place(net):
    params = drawn(NETS[net])
    packed = pack(params)
    names = {name for layer in params for name, leaf in layer.items() if leaf.ndim < 2}
    assert set(packed[-1]) == names
    assert all(leaf.ndim == 1 for leaf in packed[-1].values())
    again = unpack(packed, params)
    assert jax.tree.structure(again) == jax.tree.structure(params)
    chex.assert_trees_all_equal(again, params)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_packed_update_is_the_update(optimizer):
    """Decay and clipping too: they see names and the norm of all numbers."""
    params = drawn(replace(NETS["batch_norm"], activation="prelu"))
    spec = OptimizerSpec(optimizer, decay_biases=True, clip=True, weight_decay=optimizer != "adamw")
    hyper = Hyper(weight_decay=0.1, clip_norm=2.0)
    whole, packed = params, pack(params)
    states = init_optimizer(spec, hyper, whole), init_optimizer(spec, hyper, packed)
    for step in range(3):
        grads = numbers_like(params, step + 2)
        whole, state = update(spec, hyper, 0.1, grads, states[0], whole)
        packed, packed_state = update(spec, hyper, 0.1, pack(grads), states[1], packed)
        states = state, packed_state
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), unpack(packed, params), whole)
