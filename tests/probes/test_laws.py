"""Laws against draws of our own nets, against steps of the rules they are about, and against their closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.lab.documents.d0 import HIDDEN_WIDTHS
from jaxmlp.errors import InputError
from jaxmlp.nn import ACTIVATIONS, MLPSpec, NetHyper, apply_mlp, init_mlp
from jaxmlp.probes import laws
from jaxmlp.probes.flow import backward_flow
from jaxmlp.training import DataSpec, Hyper, Net, RunSpec


def starts(widths, count, initializer="he_normal"):
    """What `count` starts make of one input, by layer [count, n]: the activations."""
    spec = MLPSpec(widths, initializer=initializer)
    x = jax.random.normal(jax.random.key(0), (1, widths[0]))

    def one(key):
        params, state = init_mlp(key, spec, NetHyper())
        _, _, taps = apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=False)
        return [y[0] for y in taps.activation if y is not None]

    return x, jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), count))


def test_norms_of_narrow_nets_are_spread_as_the_law_says():
    hidden = (64, 48, 64, 32)
    x, layers = starts((20, *hidden, 2), 3000)
    squares = np.mean(np.square(layers[-1]), axis=1) / np.mean(np.square(x))
    logs = np.log(squares)
    law = laws.finite_width_norm(hidden)
    # 4 standard errors; the normal law leaves out terms of order 1/n².
    assert abs(np.mean(logs) - law.mean) < 4 * law.deviation / np.sqrt(3000) + 0.03
    np.testing.assert_allclose(np.std(logs), law.deviation, rtol=0.07)
    assert abs(np.mean(squares) - 1) < 4 * np.std(squares) / np.sqrt(3000)  # kept in the mean


@pytest.mark.parametrize(("depth", "dead", "b"), [(22, 2.9e-4, 2.25), (41, 5.2e-4, 2.5)])
def test_the_documents_nets_have_the_designs_numbers(depth, dead, b):
    np.testing.assert_allclose(laws.born_dead(HIDDEN_WIDTHS[depth]), dead, rtol=0.01)
    np.testing.assert_allclose(laws.finite_width_norm(HIDDEN_WIDTHS[depth]), (-b / 2, np.sqrt(b)), rtol=0.01)


def test_the_slope_is_the_law_of_equal_layers():
    law = laws.finite_width_norm([50] * 7)
    np.testing.assert_allclose(7 * laws.finite_width_slope(50), law.mean, rtol=1e-12)


@pytest.mark.parametrize("width", [3, 16, 200])
def test_the_exact_drift_is_that_of_a_layer_s_draws(width):
    """ln of (2/n) Σ relu(z)², over draws with a unit alive; far from the leading term where the layer is narrow."""
    z = np.maximum(np.random.default_rng(0).normal(size=(1_000_000 // width, width)), 0)
    squares = 2 * np.mean(z**2, axis=1)
    logs = np.log(squares[squares > 0])
    error = np.std(logs) / np.sqrt(len(logs))
    assert abs(laws.relu_drift(width) - np.mean(logs)) < 4 * error
    assert abs(laws.finite_width_slope(width) - laws.relu_drift(width)) < 6 / width**2  # the next term, about −4/n²


@pytest.mark.parametrize("width", [2, 3, 4])
def test_born_dead_nets_are_counted(width):
    _, layers = starts((5, width, width, width, 2), 4000)
    dead = np.mean(~np.any(np.asarray(layers[-1]) > 0, axis=1))
    share = laws.born_dead([width] * 3)
    assert abs(dead - share) < 4 * np.sqrt(share * (1 - share) / 4000)


@pytest.mark.parametrize("initializer", ["he_normal", "lecun_normal"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu_erf"])
def test_one_wide_layer_moves_variance_and_gradient_as_the_maps_say(x64, activation, initializer):
    f, gain, q, n = ACTIVATIONS[activation].function, {"he_normal": 2.0, "lecun_normal": 1.0}[initializer], 1.7, 20_000
    z = np.sqrt(q) * np.random.default_rng(0).normal(size=n)
    slopes = jax.vmap(jax.grad(f))(jnp.asarray(z))
    np.testing.assert_allclose(laws.variance_map(q, gain, f), gain * np.mean(f(jnp.asarray(z)) ** 2), rtol=0.04)
    np.testing.assert_allclose(laws.gradient_gain(q, gain, f), gain * np.mean(slopes**2), rtol=0.04)


def test_maps_of_relu_are_their_closed_form(x64):
    relu = ACTIVATIONS["relu"].function
    np.testing.assert_allclose(laws.variance_map(3.0, 2.0, relu), 3, rtol=1e-10)
    np.testing.assert_allclose(laws.gradient_gain(3.0, 2.0, relu), 1, rtol=1e-10)
    np.testing.assert_allclose(np.log(laws.variance_map(1.0, 1.0, relu)), -np.log(2), rtol=1e-10)
    assert laws.gradient_gain(1.0, 1.0, ACTIVATIONS["sigmoid"].function) < 1 / 16
    # tanh of a normal, by another quadrature
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    expected = np.sum(weights * np.tanh(nodes) ** 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(laws.variance_map(1.0, 1.0, jnp.tanh), expected, rtol=1e-8)


def test_correlation_behind_relu(x64):
    """By draws of a layer's two values, and at its ends."""
    rng = np.random.default_rng(0)
    for c in (-0.5, 0.0, 0.6, 0.95):
        u, v = rng.normal(size=(2, 400_000))
        a, b = np.maximum(u, 0), np.maximum(c * u + np.sqrt(1 - c * c) * v, 0)
        np.testing.assert_allclose(laws.relu_correlation(c), np.mean(a * b) / 0.5, atol=0.01)
    np.testing.assert_allclose([laws.relu_correlation(c) for c in (-1.0, 1.0)], [0, 1], atol=1e-12)
    assert laws.relu_correlation(0.3, 3) == laws.relu_correlation(laws.relu_correlation(0.3, 2))


def test_depth_scale():
    np.testing.assert_allclose(laws.depth_scale(np.exp(-0.25)), 4)
    assert laws.depth_scale(1.0) == np.inf
    with pytest.raises(InputError, match=r"chi is 1\.2: give a number above 0 and at most 1"):
        laws.depth_scale(1.2)


def test_gradients_behind_batch_norm_grow_towards_the_input_as_the_law_says():
    spec = RunSpec(MLPSpec((64, *[256] * 9, 10), norm="batch_norm"), DataSpec(preprocessing="none"))
    x = jax.random.normal(jax.random.key(0), (128, 64))

    def logs(key):
        net = Net(*init_mlp(key, spec.mlp, Hyper()), (), Hyper(), spec)
        found = backward_flow(net, x, jnp.arange(128) % 10, norm_stats="batch")
        return jnp.log(found["output_gradient_norm"])

    found = jax.jit(jax.vmap(logs))(jax.random.split(jax.random.key(1), 4))
    growth = np.exp(2 * np.mean(found[:, 1] - found[:, 8]) / 7)
    np.testing.assert_allclose(growth, laws.BATCH_NORM_GROWTH, rtol=0.04)


@pytest.mark.parametrize("batch_size", [8, 64])
def test_growth_in_batches_is_that_of_the_wide_limit_s_matrices(batch_size):
    """Of one layer, by B x B matrices: the gradient's covariance I goes through the norm, the mask and He's weights."""
    rng, b, total = np.random.default_rng(1), batch_size, np.zeros((batch_size, batch_size))
    draws = 4000
    for _ in range(draws):
        y = rng.normal(size=b)
        y = np.sqrt(2 * b / (b - 1)) * (y - y.mean())
        u = np.maximum(y, 0)
        through = (np.eye(b) - 1 / b - np.outer(u - u.mean(), u - u.mean()) / (b * u.var())) / u.std()
        masked = (y > 0)[:, None] * through
        total += 2 * masked @ masked.T
    total /= draws
    apart = np.trace(total) / b - (total.sum() - np.trace(total)) / (b * (b - 1))
    np.testing.assert_allclose(laws.batch_norm_growth(b), apart, rtol=0.05)


def test_growth_in_large_batches_is_the_constant_and_small_ones_are_refused():
    np.testing.assert_allclose(laws.batch_norm_growth(1000), laws.BATCH_NORM_GROWTH, rtol=5e-3)
    with pytest.raises(InputError, match="batch size 4: the growth has no mean there, give at least 6"):
        laws.batch_norm_growth(4)


@pytest.mark.parametrize("share", [0.97, 1.03])
@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
def test_a_quadratic_is_stable_below_the_edge_and_not_above(rule, share):
    """Steps of the rules themselves on λx²/2; of Adam with a preconditioner of 1, its moving average of gradients."""
    rate, m = 0.05, 0.9
    edge = {
        "sgd": laws.stability_edge(rate),
        "momentum": laws.stability_edge(rate, momentum=m),
        "adam": laws.adaptive_edge(rate, beta1=m),
    }[rule]
    x, v = 1.0, 0.0
    for _ in range(2000):
        g = share * edge * x
        v = {"sgd": g, "momentum": m * v + g, "adam": m * v + (1 - m) * g}[rule]
        x = x - rate * v
        if abs(x) > 1e6:
            break
    assert (abs(x) < 1e-6) == (share < 1)


@pytest.mark.parametrize(("classes", "variance"), [(10, 0.0), (10, 0.5), (3, 0.5)])
def test_the_initial_loss_is_that_of_random_logits(x64, classes, variance):
    z = np.sqrt(variance) * np.random.default_rng(0).normal(size=(200_000, classes))
    loss = np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[:, 0])
    np.testing.assert_allclose(laws.initial_cross_entropy(classes, variance), loss, rtol=0.012)


def test_the_noise_of_an_accuracy_on_mnist_is_a_tenth_of_a_point():
    np.testing.assert_allclose(100 * laws.accuracy_noise(0.025, 10_000), 0.11, atol=0.005)
