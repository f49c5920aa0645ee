"""S-113: slices and planes of a quadratic in closed form; filters of directions; a path's plane against NumPy's SVD."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxmlp.nn import NetHyper
from jaxmlp.probes.surface import loss_plane, loss_slice, path_plane, surface_direction
from tests.probes.small_nets import net_and_loss

RNG = np.random.default_rng(0)
A, B = jnp.linspace(-1.0, 1.0, 5), jnp.linspace(0.0, 2.0, 4)


def test_slice_and_plane_of_a_quadratic(x64):
    matrix, x, d, e = RNG.normal(size=(6, 6)), *RNG.normal(size=(3, 6))
    value = lambda z: z @ matrix @ z
    loss = lambda p: (z := jnp.concatenate([p["a"], p["b"]])) @ jnp.asarray(matrix) @ z
    split = lambda z: {"a": jnp.asarray(z[:2]), "b": jnp.asarray(z[2:])}
    line = jax.jit(lambda p, d: loss_slice(loss, p, d, A))(split(x), split(d))
    np.testing.assert_allclose(line, [value(x + a * d) for a in np.asarray(A)], rtol=1e-10)
    plane = jax.jit(lambda p, d, e: loss_plane(loss, p, d, e, A, B))(split(x), split(d), split(e))
    expected = [[value(x + a * d + b * e) for b in np.asarray(B)] for a in np.asarray(A)]
    np.testing.assert_allclose(plane, expected, rtol=1e-9)


def test_a_random_direction_has_the_net_s_filters_and_nothing_for_the_rest(x64):
    params, _ = net_and_loss("norm_first")
    direction = surface_direction(jax.random.key(1), params)
    for layer, moves in zip(params, direction, strict=True):
        np.testing.assert_allclose(*(np.linalg.norm(t["weight"], axis=1) for t in (layer, moves)), rtol=1e-12)
        assert all(not np.any(leaf) for name, leaf in moves.items() if name != "weight")
    other = surface_direction(jax.random.key(2), params)
    assert not np.allclose(direction[0]["weight"], other[0]["weight"])


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_slices_of_a_rescaled_net_are_the_same_behind_batch_norm(x64, factor):
    """What filter normalization is for: 3 θ behind batch norm is the same function, and has the same slice."""
    params, loss = net_and_loss("norm_first", hyper=NetHyper(norm_eps=1e-14))
    larger = (params[0] | {"weight": factor * params[0]["weight"]}, *params[1:])
    lines = [loss_slice(loss, p, surface_direction(jax.random.key(1), p), A) for p in (params, larger)]
    np.testing.assert_allclose(*lines, rtol=1e-8)
    assert np.ptp(lines[0]) > 0.01


def test_the_plane_of_a_path_is_numpy_s(x64):
    params, _ = net_and_loss("tanh")
    flat, unravel = ravel_pytree(params)
    moves = RNG.normal(size=(6, flat.size)) * np.array([5, 3, 1, 1, 0.1, 0.1])[:, None]
    plane = jax.jit(path_plane)(jax.vmap(unravel)(flat[None, :] + jnp.asarray(moves)), params)
    _, singular, axes = np.linalg.svd(moves, full_matrices=False)
    found = np.stack([ravel_pytree(plane.first)[0], ravel_pytree(plane.second)[0]])
    np.testing.assert_allclose(np.abs(np.sum(found * axes[:2], axis=1)), 1, rtol=1e-9)
    np.testing.assert_allclose(plane.shares, singular[:2] ** 2 / np.sum(singular**2), rtol=1e-9)
    np.testing.assert_allclose(plane.coordinates, moves @ found.T, atol=1e-9)


def test_two_nets_lie_in_their_plane_and_one_spans_a_line(x64):
    params, loss = net_and_loss("tanh")
    flat, unravel = ravel_pytree(params)
    moves = jnp.asarray(RNG.normal(size=(2, flat.size)))
    plane = path_plane(jax.vmap(unravel)(flat[None, :] + moves), params)
    np.testing.assert_allclose(plane.shares.sum(), 1, rtol=1e-12)
    a, b = plane.coordinates.T
    corners = loss_plane(loss, params, plane.first, plane.second, a, b)
    np.testing.assert_allclose(jnp.diag(corners), [loss(unravel(flat + move)) for move in moves], rtol=1e-9)
    line = path_plane(jax.vmap(unravel)(flat[None, :] + jnp.stack([moves[0], 0 * moves[0]])), params)
    np.testing.assert_allclose(line.shares, [1, 0], atol=1e-12)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(line.second))
