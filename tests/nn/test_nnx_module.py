"""A net exported to flax is the same net: logits, running statistics and gradients, for every spec."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxmlp.errors import InputError
from jaxmlp.nn import ACTIVATIONS, PRECISIONS, Activation, MLPSpec, NetHyper, apply_mlp, init_mlp
from jaxmlp.nn.nnx_module import to_nnx
from jaxmlp.nn.spec import DROPOUTS, MAXOUTS, NORM_POSITIONS, NORMS, RESIDUALS
from tests.user_rows import user_rows

__all__ = ["user_rows"]

PLAIN, DEEP = (4, 6, 5, 3), (4, 6, 5, 6, 5, 6, 6, 7, 3)
HYPER = NetHyper(leaky_slope=0.1, prelu_slope=0.3, elu_alpha=1.3, norm_eps=1e-3, norm_momentum=0.2, dropout_rate=0.3)
NETS = {
    **{a: MLPSpec(PLAIN, activation=a) for a in (*ACTIVATIONS, *MAXOUTS)},
    **{
        f"{a}, {n}, {p}": MLPSpec(PLAIN, activation=a, norm=n, norm_position=p, maxout_pieces=3)
        for a, n, p in product(("relu", *MAXOUTS), NORMS[1:], NORM_POSITIONS)
    },
    **{
        f"{r}, {n}, {p}": MLPSpec(DEEP, residual=r, norm=n, norm_position=p)
        for r, n, p in product([*RESIDUALS][1:], NORMS, NORM_POSITIONS)
    },
    **{d: MLPSpec(PLAIN, dropout=d, norm="batch_norm") for d in DROPOUTS[1:]},
    "no biases": MLPSpec(PLAIN, bias=False),
    "no biases, maxout layer": MLPSpec(PLAIN, activation="maxout_layer", bias=False),
    "no biases, d0": MLPSpec(DEEP, residual="d0", bias=False),
    "no hidden layer": MLPSpec((4, 3)),
}


def net_of(spec, seed=0, hyper=HYPER):
    """Parameters and running statistics unlike any start, and a batch."""
    rng = np.random.default_rng(seed)
    net = init_mlp(jax.random.key(seed), spec, hyper)
    params, state = jax.tree.map(lambda a: a + jnp.asarray(rng.uniform(0.1, 0.9, a.shape), a.dtype), net)
    return params, state, jnp.asarray(rng.normal(size=(7, 4)), jnp.float32)


def close(ours, theirs, tolerance=1e-6):
    scale = max(1.0, float(np.abs(ours).max()))
    np.testing.assert_allclose(np.asarray(theirs) / scale, np.asarray(ours) / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", NETS)
def test_logits_are_those_of_apply_mlp(name):
    spec = NETS[name]
    params, state, x = net_of(spec)
    ours, _, _ = apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=False)
    close(ours, to_nnx(params, state, spec=spec, hyper=HYPER)(x))


def softsign(x):
    return x / (1.0 + jnp.abs(x))


def swish(x, beta):
    return x * jax.nn.sigmoid(beta * x)


OWN = {
    "without a number": softsign,
    "with a field of hyper": Activation(swish, "elu_alpha"),
    "with a user's number": Activation(swish, "user.beta"),
    "learned from a field": Activation(swish, "prelu_slope", learned=True),
    "learned from a user's number": Activation(swish, "user.beta", learned=True),
}


@pytest.mark.usefixtures("user_rows")
@pytest.mark.parametrize("name", OWN)
def test_a_user_s_activation_is_exported_as_what_it_is(name):
    """Logits and gradients; a learned one has a parameter a layer, with which flax goes on training."""
    spec = MLPSpec(PLAIN, activation=ACTIVATIONS.register("own", OWN[name]), norm="batch_norm")
    hyper = HYPER.replace(user={"beta": 1.7})
    params, state, x = net_of(spec, hyper=hyper)
    module = to_nnx(params, state, spec=spec, hyper=hyper)
    ours, _, _ = apply_mlp(params, state, x, spec=spec, hyper=hyper, train=False)
    close(ours, module(x))
    gradient = jax.grad(lambda p: jnp.sum(apply_mlp(p, state, x, spec=spec, hyper=hyper, train=False)[0] ** 2))(params)
    expected = nnx.state(to_nnx(gradient, state, spec=spec, hyper=hyper), nnx.Param)
    theirs = nnx.grad(lambda module: jnp.sum(module(x) ** 2))(module)
    jax.tree.map(lambda a, b: close(a, b, 1e-5), expected, theirs)
    slopes = [layer["slope"] for layer in params if "slope" in layer]
    assert len(slopes) == (2 if name.startswith("learned") else 0)
    assert len(jax.tree.leaves(theirs)) == len(jax.tree.leaves(params))


BATCH_NORMED = [name for name, spec in NETS.items() if spec.norm == "batch_norm" and spec.dropout == "none"]


@pytest.mark.parametrize("name", BATCH_NORMED)
def test_a_training_call_moves_the_running_statistics_alike(name):
    spec = NETS[name]
    params, state, x = net_of(spec)
    module = to_nnx(params, state, spec=spec, hyper=HYPER)
    module.train()
    logits, moved, _ = apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=True)
    close(logits, module(x), 1e-5)
    expected = nnx.state(to_nnx(params, moved, spec=spec, hyper=HYPER), nnx.BatchStat)
    jax.tree.map(close, expected, nnx.state(module, nnx.BatchStat))
    assert len(jax.tree.leaves(expected)) == 2 * sum(map(spec.is_normalized, range(spec.num_layers)))
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(*map(jax.tree.leaves, (state, moved)), strict=True))


@pytest.mark.parametrize(
    "name", ["prelu", "maxout_layer, batch_norm, post_activation", "block, batch_norm, pre_activation"]
)
def test_gradients_are_ours(name):
    """Our gradient is shaped like the parameters, so its own export is what flax's must be."""
    spec = NETS[name]
    params, state, x = net_of(spec)
    labels = jnp.arange(7, dtype=jnp.int32) % 3
    module = to_nnx(params, state, spec=spec, hyper=HYPER)
    module.train()

    def loss_of(logits):
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))

    @jax.jit
    @jax.grad
    def ours(params):
        return loss_of(apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=True)[0])

    theirs = nnx.jit(nnx.grad(lambda module: loss_of(module(x))))(module)
    expected = nnx.state(to_nnx(ours(params), state, spec=spec, hyper=HYPER), nnx.Param)
    jax.tree.map(lambda a, b: close(a, b, 1e-5), expected, theirs)
    assert len(jax.tree.leaves(theirs)) == len(jax.tree.leaves(params))


def test_it_goes_on_training_in_flax():
    """Compiled once, under nnx.jit with a flax optimizer; our own arrays stay as they were."""
    spec = NETS["relu, batch_norm, post_activation"]
    params, state, x = net_of(spec)
    before = jax.tree.map(np.array, (params, state))
    labels = jnp.arange(7, dtype=jnp.int32) % 3
    module = to_nnx(params, state, spec=spec, hyper=HYPER)
    optimizer = nnx.Optimizer(module, optax.sgd(0.1), wrt=nnx.Param)
    traces = []

    @nnx.jit
    def step(module, optimizer):
        traces.append(1)

        def loss(module):
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(module(x), labels))

        value, gradients = nnx.value_and_grad(loss)(module)
        optimizer.update(module, gradients)
        return value

    module.train()
    losses = [float(step(module, optimizer)) for _ in range(10)]
    assert losses[-1] < losses[0]
    assert len(traces) == 1
    jax.tree.map(np.testing.assert_array_equal, before, (params, state))


@pytest.mark.parametrize(("form", "divided"), [("inverted", True), ("keep_probability", False)])
def test_dropout_drops_in_training_as_its_form_has_it(form, divided):
    n, rate = 2000, 0.3
    spec = MLPSpec((n, n, n), dropout=form)
    params = ({"weight": jnp.eye(n)},) * 2
    module = to_nnx(params, ({}, {}), spec=spec, hyper=NetHyper(dropout_rate=rate))
    module.train()
    dropped = np.asarray(module(jnp.ones((1, n))))[0]
    assert abs((dropped == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / n)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate) if divided else 1.0, rtol=1e-5)
    assert not np.array_equal(dropped, np.asarray(module(jnp.ones((1, n))))[0])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_products_have_the_net_s_precision(precision):
    spec = NETS["relu"]
    params, state, x = net_of(spec)
    ours, _, _ = apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=False, precision=precision)
    close(ours, to_nnx(params, state, spec=spec, hyper=HYPER, precision=precision)(x))


@pytest.mark.parametrize("images", [np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.int32)])
def test_images_as_stored_are_refused(images):
    params, state, x = net_of(NETS["relu"])
    module = to_nnx(params, state, spec=NETS["relu"], hyper=HYPER)
    with pytest.raises(InputError, match=rf"images are {images.dtype}: .* preprocess them first"):
        module(jnp.asarray(images))
    with pytest.raises(InputError, match="preprocess them first"):
        nnx.jit(lambda module, x: module(x))(module, images)
    assert module(x).shape == (7, 3)


def test_an_unknown_precision_says_what_is_accepted():
    spec = NETS["relu"]
    params, state, _ = net_of(spec)
    with pytest.raises(InputError, match="unknown precision 'int8': choose one of float32"):
        to_nnx(params, state, spec=spec, hyper=HYPER, precision="int8")
