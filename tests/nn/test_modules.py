"""A net as a flax module is the same net: outputs, running statistics, gradients and training, for every spec."""

import subprocess
import sys
from itertools import product

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxmlp import nn
from jaxmlp.errors import InputError
from jaxmlp.nn import ACTIVATIONS, OUTPUTS, PRECISIONS, Activation, MLPSpec, NetHyper, apply_mlp, init_mlp
from jaxmlp.nn.modules import MLP, BatchNorm, LayerNorm, Linear
from jaxmlp.nn.spec import DROPOUTS, MAXOUTS, NORM_POSITIONS, NORMS, RESIDUALS
from jaxmlp.training import Hyper, OptimizerSpec, RunSpec, init_train_state, train_step
from tests.training.test_step import count_calls
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
    **{f"output {name}": MLPSpec(PLAIN, output=name) for name in OUTPUTS if name != "none"},
}


def net_of(spec, seed=0, hyper=HYPER):
    """Parameters and running statistics unlike any start, and a batch."""
    rng = np.random.default_rng(seed)
    net = init_mlp(jax.random.key(seed), spec, hyper)
    params, state = jax.tree.map(lambda a: a + jnp.asarray(rng.uniform(0.1, 0.9, a.shape), a.dtype), net)
    return params, state, jnp.asarray(rng.normal(size=(7, 4)), jnp.float32)


def module_of(params, state, *, spec, hyper=HYPER, precision="float32", train=False):
    module = MLP.from_params(params, state, spec=spec, hyper=hyper, precision=precision)
    if not train:
        module.eval()
    return module


def close(ours, theirs, tolerance=1e-6):
    scale = max(1.0, float(np.abs(ours).max()))
    np.testing.assert_allclose(np.asarray(theirs) / scale, np.asarray(ours) / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", NETS)
def test_logits_are_those_of_apply_mlp(name):
    spec = NETS[name]
    params, state, x = net_of(spec)
    ours, _, _ = apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=False)
    close(ours, module_of(params, state, spec=spec, hyper=HYPER)(x))


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
    module = module_of(params, state, spec=spec, hyper=hyper)
    ours, _, _ = apply_mlp(params, state, x, spec=spec, hyper=hyper, train=False)
    close(ours, module(x))
    gradient = jax.grad(lambda p: jnp.sum(apply_mlp(p, state, x, spec=spec, hyper=hyper, train=False)[0] ** 2))(params)
    expected = nnx.state(module_of(gradient, state, spec=spec, hyper=hyper), nnx.Param)
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
    module = module_of(params, state, spec=spec, hyper=HYPER, train=True)
    logits, moved, _ = apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=True)
    close(logits, module(x), 1e-5)
    expected = nnx.state(module_of(params, moved, spec=spec, hyper=HYPER), nnx.BatchStat)
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
    module = module_of(params, state, spec=spec, hyper=HYPER, train=True)

    def loss_of(logits):
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))

    @jax.jit
    @jax.grad
    def ours(params):
        return loss_of(apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=True)[0])

    theirs = nnx.jit(nnx.grad(lambda module: loss_of(module(x))))(module)
    expected = nnx.state(module_of(ours(params), state, spec=spec, hyper=HYPER), nnx.Param)
    jax.tree.map(lambda a, b: close(a, b, 1e-5), expected, theirs)
    assert len(jax.tree.leaves(theirs)) == len(jax.tree.leaves(params))


def lion(hyper):
    return optax.lion(hyper.learning_rate)


RECIPES = {
    "sgd": lambda: (OptimizerSpec("sgd"), optax.sgd),
    "adam": lambda: (OptimizerSpec("adam"), optax.adam),
    "one of optax's": lambda: (OptimizerSpec(lion), optax.lion),
}


@pytest.mark.usefixtures("user_rows")
@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("relu", "sgd"),
        ("relu", "one of optax's"),
        ("relu, batch_norm, post_activation", "adam"),
        ("block, batch_norm, pre_activation", "adam"),
        ("prelu", "adam"),
        ("maxout_layer, layer_norm, pre_activation", "sgd"),
    ],
)
def test_it_trains_in_flax_to_the_numbers_of_our_own_step(x64, name, recipe):
    """Five steps, compiled once: parameters, running statistics and losses; our own arrays stay as they were.

    In float64: where a gradient is all rounding, Adam makes a whole step of its sign.
    """
    mlp, hyper = NETS[name], Hyper(learning_rate=0.05, norm_momentum=0.2, norm_eps=1e-3)
    optimizer_spec, transformation = RECIPES[recipe]()
    spec = RunSpec(mlp, optimizer=optimizer_spec)
    params, norm_state, x = jax.tree.map(lambda a: a.astype(jnp.float64), net_of(mlp))
    before = jax.tree.map(np.array, (params, norm_state))
    labels = jnp.arange(7, dtype=jnp.int32) % 3
    module = module_of(params, norm_state, spec=mlp, hyper=hyper, train=True)
    optimizer = nnx.Optimizer(module, transformation(0.05), wrt=nnx.Param)

    @nnx.jit
    @chex.assert_max_traces(n=1)
    def step(module, optimizer):
        def loss(module):
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(module(x), labels))

        value, gradients = nnx.value_and_grad(loss)(module)
        with jax.numpy_dtype_promotion("standard"):  # optax's own need it
            optimizer.update(module, gradients)
        return value

    state = init_train_state(params, norm_state, spec=spec, hyper=hyper)
    ours = jax.jit(lambda state: train_step(state, x, labels, spec=spec, hyper=hyper))
    for _ in range(5):
        state, loss = ours(state)
        assert float(step(module, optimizer)) == pytest.approx(float(loss), rel=1e-9)
    theirs = module.to_params()
    assert jax.tree.structure(theirs) == jax.tree.structure((state.params, state.norm_state))
    jax.tree.map(lambda a, b: close(a, b, 1e-9), (state.params, state.norm_state), theirs)
    assert float(loss) != pytest.approx(float(ours(init_train_state(params, norm_state, spec=spec, hyper=hyper))[1]))
    chex.assert_trees_all_equal(before, (params, norm_state))


@pytest.mark.parametrize("name", NETS)
def test_params_go_in_and_come_out_as_they_were(name):
    """Kernels are in flax's layout in between."""
    params, state, _ = net_of(NETS[name])
    module = module_of(params, state, spec=NETS[name])
    there = module.to_params()
    assert jax.tree.structure(there) == jax.tree.structure((params, state))
    chex.assert_trees_all_equal(there, (params, state))
    np.testing.assert_array_equal(module.layers[0].linear.kernel[...], params[0]["weight"].T)


def test_a_fresh_module_is_drawn_by_init_mlp_and_in_training_mode():
    spec = NETS["relu, batch_norm, post_activation"]
    module = MLP(spec, hyper=HYPER, rngs=nnx.Rngs(7))
    expected = init_mlp(nnx.Rngs(7).params(), spec, HYPER)
    chex.assert_trees_all_equal(module.to_params(), expected)
    before = module.to_params()[1]
    module(jnp.asarray(np.random.default_rng(0).normal(size=(7, 4)), jnp.float32))
    after = module.to_params()[1]
    assert all((a != b).all() for a, b in zip(*map(jax.tree.leaves, (before, after)), strict=True))
    module.eval()
    module(jnp.ones((7, 4)))
    chex.assert_trees_all_equal(module.to_params()[1], after)


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("relu", 3),
        ("relu, batch_norm, post_activation", 3 + 2),
        ("relu, layer_norm, post_activation", 3),
        ("maxout_layer", 3 + 2),
        ("block, batch_norm, pre_activation", 8 + 7 + 1),
    ],
)
def test_the_training_jaxpr_has_one_custom_rule_per_linear_and_batch_norm(name, rules):
    """Forward, and in the gradient too; `maxout_layer` and skips have linears of their own."""
    graph, state = nnx.split(MLP(NETS[name], rngs=nnx.Rngs(0)))
    forward = lambda state, x: jnp.sum(nnx.merge(graph, state)(x))
    jaxpr = jax.make_jaxpr(forward)(state, jnp.ones((7, 4)))
    assert count_calls(jaxpr.jaxpr, "custom_vjp_call") == rules
    gradient = nnx.grad(lambda module, x: jnp.sum(module(x)))
    jaxpr = jax.make_jaxpr(lambda state, x: nnx.to_pure_dict(gradient(nnx.merge(graph, state), x)))
    assert count_calls(jaxpr(state, jnp.ones((7, 4))).jaxpr, "custom_vjp_call") == rules


def test_a_linear_s_gradient_is_the_rule_s():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 4)), jnp.float32)
    module = Linear(4, 3, rngs=nnx.Rngs(0))
    gradient = nnx.grad(lambda module: jnp.sum(module(x) ** 2))(module)
    twice = 2 * np.asarray(x).T @ np.asarray(module(x))
    np.testing.assert_allclose(gradient["kernel"][...], twice, rtol=1e-5)


LAYERS = {
    "linear": (lambda rngs: Linear(4, 3, rngs=rngs), lambda rngs: nnx.Linear(4, 3, rngs=rngs)),
    "no bias": (
        lambda rngs: Linear(4, 3, use_bias=False, rngs=rngs),
        lambda rngs: nnx.Linear(4, 3, use_bias=False, rngs=rngs),
    ),
    "batch norm": (
        lambda rngs: BatchNorm(4, momentum=0.7, epsilon=1e-3, rngs=rngs),
        lambda rngs: nnx.BatchNorm(4, momentum=0.7, epsilon=1e-3, use_fast_variance=False, rngs=rngs),
    ),
    "layer norm": (
        lambda rngs: LayerNorm(4, epsilon=1e-3, rngs=rngs),
        lambda rngs: nnx.LayerNorm(4, epsilon=1e-3, use_fast_variance=False, rngs=rngs),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_a_drop_in_for_flax_s(name):
    """Start, names, outputs in both modes, statistics and gradients."""
    ours, theirs = (make(nnx.Rngs(3)) for make in LAYERS[name])
    assert isinstance(ours, type(theirs))
    same_state(ours, theirs)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(9, 4)), jnp.float32)
    close(theirs(x), ours(x), 1e-5)
    same_state(ours, theirs)
    gradients = [nnx.grad(lambda module: jnp.sum(module(x) ** 3))(module) for module in (ours, theirs)]
    jax.tree.map(lambda a, b: close(b, a, 1e-5), *gradients)
    for module in (ours, theirs):
        module.eval()
    close(theirs(x), ours(x), 1e-5)


def same_state(ours, theirs):
    assert jax.tree.structure(nnx.state(ours)) == jax.tree.structure(nnx.state(theirs))
    jax.tree.map(lambda a, b: close(b, a), nnx.state(ours), nnx.state(theirs))


def test_a_linear_takes_any_leading_axes():
    module = Linear(4, 3, rngs=nnx.Rngs(0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 4)), jnp.float32)
    close(np.asarray(x) @ np.asarray(module.kernel[...]) + np.asarray(module.bias[...]), module(x))


def test_layers_stand_in_a_flax_sequential():
    rngs = nnx.Rngs(0)
    module = nnx.Sequential(Linear(4, 6, rngs=rngs), nnx.relu, BatchNorm(6, rngs=rngs), Linear(6, 3, rngs=rngs))
    assert module(jnp.ones((2, 4))).shape == (2, 3)


@pytest.mark.parametrize("name", ["relu, batch_norm, post_activation", "prelu"])
def test_orbax_saves_and_restores_a_module(tmp_path, name):
    """Into the shapes of a module that was never drawn, as orbax and flax document it."""
    import orbax.checkpoint as ocp

    params, norm_state, x = net_of(NETS[name])
    module = module_of(params, norm_state, spec=NETS[name])
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "net", nnx.state(module))
    graph, shapes = nnx.split(nnx.eval_shape(lambda: MLP(NETS[name], hyper=HYPER, rngs=nnx.Rngs(0))))
    with ocp.StandardCheckpointer() as checkpointer:
        restored = nnx.merge(graph, checkpointer.restore(tmp_path / "net", shapes))
    restored.eval()
    np.testing.assert_array_equal(restored(x), module(x))
    chex.assert_trees_all_equal(restored.to_params(), (params, norm_state))


def test_modules_are_loaded_when_they_are_asked_for():
    program = "import sys, jaxmlp.training, jaxmlp.nn as nn; before = 'flax.nnx' in sys.modules; nn.modules.MLP; "
    program += "print(before, 'flax.nnx' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "True"]
    with pytest.raises(AttributeError, match="no attribute 'module'"):
        _ = nn.module


@pytest.mark.parametrize(("form", "divided"), [("inverted", True), ("keep_probability", False)])
def test_dropout_drops_in_training_as_its_form_has_it(form, divided):
    n, rate = 2000, 0.3
    spec = MLPSpec((n, n, n), dropout=form)
    params = ({"weight": jnp.eye(n)},) * 2
    module = module_of(params, ({}, {}), spec=spec, hyper=NetHyper(dropout_rate=rate), train=True)
    dropped = np.asarray(module(jnp.ones((1, n))))[0]
    assert abs((dropped == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / n)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate) if divided else 1.0, rtol=1e-5)
    assert not np.array_equal(dropped, np.asarray(module(jnp.ones((1, n))))[0])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_products_have_the_net_s_precision(precision):
    spec = NETS["relu"]
    params, state, x = net_of(spec)
    ours, _, _ = apply_mlp(params, state, x, spec=spec, hyper=HYPER, train=False, precision=precision)
    close(ours, module_of(params, state, spec=spec, hyper=HYPER, precision=precision)(x))


@pytest.mark.parametrize("images", [np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.int32)])
def test_images_as_stored_are_refused(images):
    params, state, x = net_of(NETS["relu"])
    module = module_of(params, state, spec=NETS["relu"], hyper=HYPER)
    with pytest.raises(InputError, match=rf"images are {images.dtype}: .* preprocess them first"):
        module(jnp.asarray(images))
    with pytest.raises(InputError, match="preprocess them first"):
        nnx.jit(lambda module, x: module(x))(module, images)
    assert module(x).shape == (7, 3)


def test_an_unknown_precision_says_what_is_accepted():
    spec = NETS["relu"]
    params, state, _ = net_of(spec)
    with pytest.raises(InputError, match="unknown precision 'int8': choose one of float32"):
        module_of(params, state, spec=spec, hyper=HYPER, precision="int8")
