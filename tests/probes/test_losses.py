"""A net's loss as a function of its parameters: that of training, that of evaluation, and its memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, init_mlp
from jaxmlp.probes.curvature import gradient_sharpness, hessian_product
from jaxmlp.probes.losses import batch_sharpness, net_loss
from jaxmlp.training import DataSpec, EvalSpec, Hyper, LossSpec, Net, RunSpec, evaluate, objective

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(22, 4)), RNG.integers(3, size=22)


def make_net(penalty="none", norm="batch_norm", widths=(4, 5, 3), dropout="none"):
    spec = RunSpec(
        MLPSpec(widths, norm=norm, dropout=dropout),
        DataSpec(preprocessing="none", batch_size=5),
        LossSpec(penalty=penalty),
        evaluation=EvalSpec(batch_size=8),
    )
    hyper = Hyper(penalty=0.1, dropout_rate=0.5)
    params, state = init_mlp(jax.random.key(0), spec.mlp, hyper)
    state = jax.tree.map(lambda leaf: leaf + 0.3, state)
    return Net(params, state, (), hyper, spec)


def test_running_statistics_give_the_loss_of_evaluation(x64):
    net, index = make_net(), jnp.arange(22)
    expected = evaluate(net, jnp.asarray(IMAGES), jnp.asarray(LABELS), index)[0]
    for size in (None, 22, 7):
        loss = net_loss(net, jnp.asarray(IMAGES), jnp.asarray(LABELS), norm_stats="running", batch_size=size)
        np.testing.assert_allclose(loss(net.params), expected, rtol=1e-12)


@pytest.mark.parametrize(("size", "penalty"), [(None, "none"), (None, "l2"), (11, "l1")])
def test_batch_statistics_give_the_mean_of_the_training_objective_over_full_batches(x64, size, penalty):
    net, batch = make_net(penalty), size or 5
    loss = net_loss(net, jnp.asarray(IMAGES), jnp.asarray(LABELS), norm_stats="batch", batch_size=size)

    def mean(params):
        starts = range(0, 22 // batch * batch, batch)
        parts = [
            (net.preprocessed(jnp.asarray(IMAGES[i : i + batch])), jnp.asarray(LABELS[i : i + batch])) for i in starts
        ]
        return jnp.mean(
            jnp.stack([objective(params, net.norm_state, *part, spec=net.spec, hyper=net.hyper)[0] for part in parts])
        )

    np.testing.assert_allclose(loss(net.params), mean(net.params), rtol=1e-12)
    for mine, theirs in zip(*(jax.tree.leaves(jax.grad(f)(net.params)) for f in (loss, mean)), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def test_the_sharpness_of_each_batch_is_that_of_its_own_training_objective(x64):
    net = make_net("l2")
    found = jax.jit(batch_sharpness)(net, jnp.asarray(IMAGES), jnp.asarray(LABELS))
    assert found.shape == (4,)  # of 22 rows in batches of 5

    def alone(i):
        part = net.preprocessed(jnp.asarray(IMAGES[5 * i : 5 * i + 5])), jnp.asarray(LABELS[5 * i : 5 * i + 5])
        loss = lambda params: objective(params, net.norm_state, *part, spec=net.spec, hyper=net.hyper)[0]
        return gradient_sharpness(loss, net.params)

    np.testing.assert_allclose(found[jnp.array([0, 3])], [alone(0), alone(3)], rtol=1e-9)


def test_dropout_is_off(x64):
    plain, dropped = make_net(), make_net(dropout="inverted")
    losses = [net_loss(net, jnp.asarray(IMAGES), jnp.asarray(LABELS), norm_stats="batch") for net in (plain, dropped)]
    assert losses[0](plain.params) == losses[1](plain.params)


def test_memory_of_a_product_is_that_of_one_piece():
    net = make_net(widths=(4, 64, 64, 3))

    def bytes_of(rows):
        images, labels = jnp.zeros((rows, 4)), jnp.zeros(rows, int)

        def product(params, images, vector):
            loss = net_loss(net, images, labels, norm_stats="batch", batch_size=32)
            return hessian_product(loss, params)[0](vector)

        vector = jnp.zeros(sum(leaf.size for leaf in jax.tree.leaves(net.params)))
        compiled = jax.jit(product).lower(net.params, images, vector).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert bytes_of(32 * 64) < 1.2 * bytes_of(32 * 2)


def test_wrong_arguments_are_refused():
    net = make_net()
    with pytest.raises(InputError, match="unknown norm_stats 'train'"):
        net_loss(net, jnp.asarray(IMAGES), jnp.asarray(LABELS), norm_stats="train")
    with pytest.raises(InputError, match="a loss of no rows"):
        net_loss(net, jnp.asarray(IMAGES[:0]), jnp.asarray(LABELS[:0]), norm_stats="running")
    with pytest.raises(InputError, match="4 rows are less than one batch: give at least 5, or a batch_size"):
        batch_sharpness(net, jnp.asarray(IMAGES[:4]), jnp.asarray(LABELS[:4]))
    with pytest.raises(InputError, match="batch size is -1"):
        net_loss(net, jnp.asarray(IMAGES), jnp.asarray(LABELS), norm_stats="running", batch_size=-1)
