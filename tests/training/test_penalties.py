"""Penalties in training: what is penalized, by how much, and when a penalty is a weight decay."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.nn import PENALTIES, MLPSpec, init_mlp
from jaxmlp.training import (
    DataSpec,
    Hyper,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    init_train_state,
    train_step,
)
from jaxmlp.training.regularized import is_regularized, weights_of
from tests.nn import oracles

NET = MLPSpec((6, 5, 4), norm="batch_norm", activation="prelu", initializer="randn")


def make_spec(penalty="none", **optimizer):
    return RunSpec(
        NET, data=DataSpec(batch_size=10), loss=LossSpec(penalty=penalty), optimizer=OptimizerSpec(**optimizer)
    )


def test_weights_are_those_of_linears_and_skips_and_nothing_else():
    net = replace(NET, widths=(6, 5, 5, 5, 4), residual="d0")
    params, _ = jax.eval_shape(lambda: init_mlp(jax.random.key(0), net, Hyper()))
    names = {name for layer in params for name in layer}
    assert names == {"weight", "bias", "scale", "shift", "slope", "skip_weight", "skip_bias"}
    penalized = {id(weight) for weight in weights_of(params)}
    for layer in params:
        for name, leaf in layer.items():
            assert (id(leaf) in penalized) == (name in ("weight", "skip_weight")), name


@pytest.mark.parametrize(
    ("name", "always", "with_biases"),
    [
        *((name, True, True) for name in ("weight", "skip_weight", "maxout_weight")),
        *((name, False, True) for name in ("bias", "skip_bias", "maxout_bias")),
        *((name, False, False) for name in ("scale", "shift", "slope")),
    ],
)
def test_which_names_are_regularized_and_which_with_biases(name, always, with_biases):
    path = (jax.tree_util.SequenceKey(0), jax.tree_util.DictKey(name))
    assert is_regularized(path) == always
    assert is_regularized(path, biases=True) == with_biases


def test_these_are_all_names_a_network_has():
    residual = replace(NET, widths=(6, 5, 5, 5, 4), residual="d0")
    nets = (residual, replace(residual, activation="maxout_layer"))
    shapes = jax.eval_shape(lambda: [init_mlp(jax.random.key(0), net, Hyper())[0] for net in nets])
    names = {name for params in shapes for layer in params for name in layer}
    linears = {prefix + part for prefix in ("", "skip_", "maxout_") for part in ("weight", "bias")}
    assert names == linears | {"scale", "shift", "slope"}


@partial(jax.jit, static_argnames=("spec", "steps"))
def train(spec, hyper, steps=20):
    """The state after some steps on random batches, and every step's loss."""
    state = init_train_state(*init_mlp(jax.random.key(0), spec.mlp, hyper), spec=spec, hyper=hyper)
    rng = np.random.default_rng(0)
    x, labels = jnp.asarray(rng.standard_normal((steps, 10, 6))), jnp.asarray(rng.integers(0, 4, (steps, 10)))
    one = lambda state, batch: train_step(state, *batch, spec=spec, hyper=hyper)
    return jax.lax.scan(one, state, (x, labels))


@pytest.mark.parametrize("name", PENALTIES)
def test_a_step_minimizes_the_mean_loss_plus_the_penalty(x64, name):
    """S-063, S-067: the loss rises by λ R(W) (S-107), and the step moves the weights alone, by η λ R'(W)."""
    params, _ = init_mlp(jax.random.key(0), NET, Hyper())
    vector = np.concatenate([np.ravel(weight) for weight in weights_of(params)])
    slope = {"l1": np.sign, "l2": lambda w: 2 * w, "l2_norm": lambda w: w / np.linalg.norm(vector)}[name]
    plain, loss = train(make_spec(name="sgd"), Hyper(learning_rate=0.1), 1)
    for strength in (0.01, 0.3):
        moved, penalized = train(make_spec(name, name="sgd"), Hyper(learning_rate=0.1, penalty=strength), 1)
        assert float(penalized[0] - loss[0]) == pytest.approx(strength * oracles.PENALTIES[name](vector), rel=1e-9)
        for before, a, b in zip(params, plain.params, moved.params, strict=True):
            for key in before:
                pull = 0.1 * strength * slope(np.asarray(before[key])) if key == "weight" else 0.0
                np.testing.assert_allclose(b[key], a[key] - pull, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "equal"),
    [("sgd", True), ("momentum", True), ("momentum_d2", True), ("nesterov", True), ("adam", True), ("adamw", False)],
)
def test_an_l2_penalty_is_a_decay_of_twice_its_strength_but_not_adamws(x64, optimizer, equal):
    """C-308: the same iterates, though not the same loss."""
    decayed = OptimizerSpec(optimizer, weight_decay=optimizer != "adamw")
    plain = RunSpec(MLPSpec((6, 4)), data=DataSpec(batch_size=10))
    penalized = replace(plain, loss=LossSpec(penalty="l2"), optimizer=OptimizerSpec(optimizer.replace("adamw", "adam")))
    hyper = Hyper(weight_decay=0.02, penalty=0.01, learning_rate=0.05)
    by_decay, losses = train(replace(plain, optimizer=decayed), hyper)
    by_penalty, with_penalty = train(penalized, hyper)
    gaps = [
        np.abs(np.asarray(a - b)).max()
        for a, b in zip(jax.tree.leaves(by_decay.params), jax.tree.leaves(by_penalty.params), strict=True)
    ]
    assert max(gaps) < 1e-10 if equal else max(gaps) > 1e-2
    assert (np.asarray(with_penalty) > np.asarray(losses)).all() or not equal


def test_an_unknown_penalty_says_what_there_is():
    with pytest.raises(InputError, match="unknown penalty 'l3': choose one of none, l1, l2, l2_norm"):
        LossSpec(penalty="l3")
