"""S-110, C-023: distances and ratios against NumPy; Lipschitz and lines against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.probes.path import distance, gradient_lipschitz, loss_along_line, path_lengths, update_ratios
from tests.probes.small_nets import net_and_loss

RNG = np.random.default_rng(0)


def path_of(steps, scale=1.0):
    """Random nets of two layers, leaves [T, ...]."""
    shapes = ({"weight": (3, 2), "bias": (3,)}, {"weight": (2, 3)})
    return jax.tree.map(
        lambda shape: jnp.asarray(scale * RNG.normal(size=(steps, *shape))),
        shapes,
        is_leaf=lambda s: isinstance(s, tuple) and type(s[0]) is int,
    )


def flat(tree, t):
    return np.concatenate([np.ravel(leaf[t]) for leaf in jax.tree.leaves(tree)])


def at(path, t):
    return jax.tree.map(lambda leaf: leaf[t], path)


def test_distance_ratios_and_lengths_are_numpy_s(x64):
    path = path_of(4)
    steps = [np.linalg.norm(flat(path, t + 1) - flat(path, t)) for t in range(3)]
    np.testing.assert_allclose(distance(at(path, 0), at(path, 1)), steps[0], rtol=1e-12)
    np.testing.assert_allclose(jax.jit(path_lengths)(path), np.cumsum([0, *steps]), rtol=1e-12)
    weights = [np.asarray(layer["weight"]) for layer in path]
    ratios = [np.linalg.norm(w[1] - w[0]) / np.linalg.norm(w[0]) for w in weights]
    np.testing.assert_allclose(jax.jit(update_ratios)(at(path, 0), at(path, 1)), ratios, rtol=1e-12)


def test_lipschitz_of_a_quadratic_is_what_its_matrix_does_to_the_step(x64):
    a = RNG.normal(size=(5, 5))
    a, path = a + a.T, RNG.normal(size=(4, 5))
    found = jax.jit(lambda p: gradient_lipschitz(lambda x: 0.5 * x @ jnp.asarray(a) @ x, p))(jnp.asarray(path))
    steps = np.diff(path, axis=0)
    np.testing.assert_allclose(found, np.linalg.norm(steps @ a, axis=1) / np.linalg.norm(steps, axis=1), rtol=1e-10)


def test_along_a_direction_of_the_hessian_it_is_its_eigenvalue(x64):
    matrix = jnp.diag(jnp.array([1.0, -4.0]))
    path = jnp.array([[0.0, 0.0], [2.0, 0.0], [2.0, 0.1]])
    np.testing.assert_allclose(gradient_lipschitz(lambda x: 0.5 * x @ matrix @ x, path), [1, 4], rtol=1e-12)


@pytest.mark.parametrize("name", ["relu", "norm_first"])
def test_the_line_passes_both_nets_and_what_lies_between(x64, name):
    params, loss = net_and_loss(name)
    end = jax.tree.map(lambda leaf: leaf + 0.3, params)
    between = jax.tree.map(lambda leaf: leaf + 0.3 * 0.25, params)
    found = jax.jit(lambda a, b: loss_along_line(loss, a, b, jnp.array([0, 0.25, 1])))(params, end)
    np.testing.assert_allclose(found, [loss(params), loss(between), loss(end)], rtol=1e-12)


def test_runs_are_vmapped(x64):
    paths = jax.tree.map(lambda *leaves: jnp.stack(leaves), path_of(3), path_of(3))
    loss = lambda p: jnp.sum(p[0]["weight"] ** 4) + jnp.sum(p[1]["weight"] ** 2)
    probe = lambda p: (gradient_lipschitz(loss, p), update_ratios(at(p, 0), at(p, 1)), path_lengths(p))
    many = jax.vmap(probe)(paths)
    for run in (0, 1):
        for found, alone in zip(many, probe(at(paths, run)), strict=True):
            np.testing.assert_allclose(found[run], alone, rtol=1e-12)
