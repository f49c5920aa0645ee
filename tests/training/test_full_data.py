"""Statistics of all training observations (S-031): what D1 means by them, in float64, whatever the pieces."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.data import PREPROCESSINGS
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, apply_mlp, init_mlp
from jaxmlp.training import DataSpec, EvalSpec, Hyper, Net, RunSpec, evaluate, full_data_norm_state

ROWS = 101
PRE = {"norm": "batch_norm", "norm_position": "pre_activation"}
POST = {"norm": "batch_norm", "norm_position": "post_activation"}


def make_spec(widths=(12, 9, 7, 3), *, piece=1000, preprocessing="train_mean", batch=ROWS, **options):
    mlp = MLPSpec(widths, **({"initializer": "randn"} | options))
    data = DataSpec(preprocessing=preprocessing, batch_size=batch)
    return RunSpec(mlp, data=data, evaluation=EvalSpec(batch_size=piece))


@pytest.fixture(scope="module")
def images():
    """Of which only some rows are observed, in no order."""
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.integers(0, 256, (600, 12)).astype(np.uint8))


@pytest.fixture(scope="module")
def index():
    return jnp.asarray(np.random.default_rng(1).permutation(600)[:ROWS].astype(np.int32))


def drawn(spec, images, index, seed=0, hyper=None):
    """A net with running statistics unlike any data's, and the fitted preprocessing."""
    params, state = init_mlp(jax.random.key(seed), spec.mlp, Hyper())
    fitted = PREPROCESSINGS[spec.data.preprocessing].fit(images, index)
    return Net(params, jax.tree.map(lambda a: a + 3.0, state), fitted, hyper or Hyper(), spec)


def statistics(spec, images, index, seed=0):
    return full_data_norm_state(drawn(spec, images, index, seed), images, index)


def by_hand(params, x, position):
    """All rows at once through a plain ReLU net in float64: each normalized layer's (mean, var)."""
    found = []
    for layer in jax.tree.map(lambda a: np.asarray(a, np.float64), params)[:-1]:
        x = x @ layer["weight"].T + layer.get("bias", 0.0)
        x = np.maximum(x, 0) if position == "post_activation" else x
        found.append((x.mean(axis=0), x.var(axis=0)))
        x = layer["scale"] * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + layer["shift"]
        x = np.maximum(x, 0) if position == "pre_activation" else x
    return found


@pytest.mark.parametrize("norm", [PRE, POST], ids=["pre", "post"])
@pytest.mark.parametrize("piece", [1, 50, 101, 1000])
def test_they_are_those_of_all_rows_at_once(images, index, norm, piece):
    spec = make_spec(piece=piece, **norm)
    params = drawn(spec, images, index).params
    u = np.asarray(images, np.float64)[index] / 255
    expected = by_hand(params, u - u.mean(), norm["norm_position"])
    found = statistics(spec, images, index)
    assert [bool(layer) for layer in found] == [True, True, False]
    for layer, (mean, var) in zip(found, expected, strict=False):
        np.testing.assert_allclose(layer["mean"], mean, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(layer["var"], var, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"widths": (12, 8, 8, 8, 3), "residual": "block", **POST},
        pytest.param({"widths": (12, 8, 8, 8, 3), "residual": "block", **PRE}, marks=pytest.mark.long),
        {"widths": (12, 8, 8, 6, 5, 5, 4, 3), "residual": "d0", **POST},
        {"activation": "maxout", **PRE},
        pytest.param({"activation": "maxout_layer", **POST}, marks=pytest.mark.long),
        {"activation": "prelu", "dropout": "keep_probability", **POST},
    ],
    ids=lambda options: "-".join(str(value) for value in options.values()),
)
def test_where_the_data_are_one_batch_they_are_the_batch_s(images, index, options):
    """With momentum 1 a pass over that batch leaves its statistics; evaluation cannot tell the two apart."""
    spec, hyper = make_spec(piece=17, **options), Hyper(norm_momentum=1.0, dropout_rate=0.3)
    labels = jnp.arange(600, dtype=jnp.int32) % 3

    @jax.jit
    def both(images, index):
        net = drawn(spec, images, index, hyper=hyper)
        x = net.preprocessed(images[index])
        how = {"spec": spec.mlp, "hyper": hyper, "train": False, "norm_stats": "batch", "update_norm": True}
        batch = apply_mlp(net.params, net.norm_state, x, **how)[1]
        found = full_data_norm_state(net, images, index)
        ours = evaluate(net.replace(norm_state=found), images, labels, index)
        theirs = evaluate(net, images, labels, index, norm_stats="batch")
        return found, batch, ours, theirs, evaluate(net, images, labels, index)

    found, batch, ours, theirs, running = both(images, index)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), found, batch)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert float(ours[0]) != pytest.approx(float(running[0]), rel=1e-2)


@pytest.mark.parametrize("norm", ["none", "layer_norm"])
def test_a_net_without_batch_norm_keeps_its_state(images, index, norm):
    assert statistics(make_spec(norm=norm), images, index) == ({}, {}, {})


def test_a_far_mean_does_not_cancel(index):
    """Points at 1000 ± 0.1 go straight into a norm; E[x²] − μ² in float32 would be off by more than the variance."""
    points = 1000 + 0.1 * np.random.default_rng(2).normal(size=(600, 3)).astype(np.float32)
    spec = make_spec((3, 3, 2), piece=10, preprocessing="none", **PRE)
    net = drawn(spec, jnp.asarray(points), index)
    net = net.replace(params=({**net.params[0], "weight": jnp.eye(3)}, net.params[1]))
    found = full_data_norm_state(net, jnp.asarray(points), index)
    np.testing.assert_allclose(found[0]["var"], points[index].astype(np.float64).var(axis=0), rtol=1e-3)


def test_compiled_and_side_by_side_they_are_the_same(images, index):
    spec, seeds = make_spec(piece=40, **PRE), jnp.arange(3)
    side_by_side = jax.jit(jax.vmap(lambda seed: statistics(spec, images, index, seed)))(seeds)
    for seed in range(3):
        one = statistics(spec, images, index, seed)
        lane = jax.tree.map(lambda a, seed=seed: a[seed], side_by_side)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), lane, one)


def test_no_observations_are_refused(images, index):
    spec = make_spec(**PRE)
    with pytest.raises(InputError, match="need at least one: index is empty"):
        full_data_norm_state(drawn(spec, images, index), images, index[:0])
