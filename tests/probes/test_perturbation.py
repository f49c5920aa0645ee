"""C-019: the length of relative moves, exactly; independence of batch norm's scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.nn import NetHyper
from jaxmlp.probes.perturbation import perturbed_losses, relative_direction
from tests.probes.small_nets import net_and_loss

KEY = jax.random.key(0)
SIZES = np.array([0.0, 1e-3, 1e-1])

perturbed = jax.jit(perturbed_losses, static_argnames=("loss", "draws"))


def test_moves_are_shares_of_every_array_s_norm(x64):
    """The squared distance for a loss says how far each layer went: ε² times its squared norm, in every draw."""
    params, _ = net_and_loss("relu")
    params = (params[0] | {"bias": params[0]["bias"] + 1.0}, *params[1:])

    def squared_distance(p):
        return sum(jax.tree.leaves(jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), p, params)))

    found = perturbed(squared_distance, params, KEY, sizes=SIZES, draws=4)
    layers = np.array([sum(np.sum(np.square(leaf)) for leaf in layer.values()) for layer in params])
    expected = layers[:, None, None] * np.square(SIZES)[None, :, None] * np.ones(4)
    np.testing.assert_allclose(found.layers, expected, rtol=1e-9, atol=1e-25)
    np.testing.assert_allclose(found.everywhere, expected.sum(axis=0), rtol=1e-9, atol=1e-25)


def test_each_array_of_a_direction_has_its_array_s_norm_and_draws_differ(x64):
    params, _ = net_and_loss("residual")
    one, other = (relative_direction(key, params) for key in jax.random.split(KEY))
    for leaf, a, b in zip(*map(jax.tree.leaves, (params, one, other)), strict=True):
        np.testing.assert_allclose(np.linalg.norm(a), np.linalg.norm(leaf), rtol=1e-12)
        assert not np.any(leaf) or not np.allclose(a, b)


def test_small_moves_change_the_loss_by_the_gradient_and_none_by_nothing(x64):
    params, loss = net_and_loss("tanh")
    found = perturbed(loss, params, KEY, sizes=jnp.array([0.0, 1e-6]), draws=3)
    np.testing.assert_allclose(found.everywhere[0], loss(params), rtol=1e-14)
    change = found.everywhere[1] - loss(params)
    np.testing.assert_allclose(jnp.sum(found.layers[:, 1] - loss(params), axis=0), change, rtol=1e-3)
    assert np.ptp(change) > 0


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_behind_batch_norm_the_scale_of_a_layer_does_not_matter(x64, factor):
    params, loss = net_and_loss("norm_first", hyper=NetHyper(norm_eps=1e-14))
    larger = (params[0] | {"weight": factor * params[0]["weight"]}, *params[1:])
    mine, theirs = (perturbed(loss, p, KEY, sizes=SIZES, draws=2) for p in (params, larger))
    np.testing.assert_allclose(mine.layers, theirs.layers, rtol=1e-8)


def test_no_draw_is_refused():
    with pytest.raises(InputError, match="draws is 0: give a positive integer"):
        perturbed_losses(lambda p: jnp.zeros(()), (), KEY, sizes=SIZES, draws=0)
