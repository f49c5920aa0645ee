"""What the ledger leaves open, as fields whose neutral value is what published runs had."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp import data, nn
from jaxmlp.baselines import log_random_search
from jaxmlp.errors import InputError
from jaxmlp.identity import canonical
from jaxmlp.nn import MLPSpec, apply_mlp, count_parameters, init_mlp
from jaxmlp.study.arms import Arm, make_run
from jaxmlp.training import (
    DataSpec,
    EvalSpec,
    Hyper,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    end_epoch,
    init_run,
    train_epoch,
)
from jaxmlp.training.regularized import weights_of

SPEC = RunSpec(
    MLPSpec((64, 10)),
    data=DataSpec(batch_size=32, train_size=100),
    optimizer=OptimizerSpec("sgd"),
    evaluation=EvalSpec(early_stopping=True, batch_size=128),
    epochs=14,
)


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


@partial(jax.jit, static_argnames="spec")
def one_epoch(run, digits, *, spec, hyper, epoch):
    run = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
    return end_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)


def trained(spec, digits, hyper):
    run = jax.jit(partial(init_run, spec=spec))(0, digits, hyper=hyper)
    for epoch in range(1, spec.epochs + 1):
        run = one_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
    return run


def first_end(values, patience):
    """S-084 by its definition: the first epoch whose last `patience` values are all not below what came before."""
    for end in range(patience + 1, len(values) + 1):
        if (values[end - patience : end] >= values[: end - patience].min()).all():
            return end
    return len(values)


def test_an_early_stop_watches_the_loss_or_the_error(digits):
    """D1 stops on the error of the validation part, which stands still at other epochs than its loss."""
    hyper = Hyper(learning_rate=0.3, stop_patience=2)
    on_error = replace(SPEC, evaluation=replace(SPEC.evaluation, stop_on="error"))
    free = trained(replace(SPEC, evaluation=EvalSpec(batch_size=128)), digits, hyper)
    losses, errors = np.asarray(free.history["val_loss"])[1:], 1 - np.asarray(free.history["val_accuracy"])[1:]
    ends = [first_end(values, 2) for values in (losses, errors)]
    assert ends[0] != ends[1], "the test needs a run in which they differ"
    assert [int(trained(spec, digits, hyper).ended_epoch) for spec in (SPEC, on_error)] == ends


def test_a_bias_before_a_batch_norm_changes_no_output():
    """S-115: it is counted, its gradient is 0 but for rounding, and the norm takes it away again."""
    spec = MLPSpec((8, 6, 5, 3), norm="batch_norm", norm_position="pre_activation")
    with_bias = replace(spec, bias_into_norm=True)
    assert count_parameters(with_bias) - count_parameters(spec) == 6 + 5
    hyper, x = Hyper(), jax.random.normal(jax.random.key(1), (16, 8))
    params, state = init_mlp(jax.random.key(0), with_bias, hyper)
    shifted = [layer | ({"bias": layer["bias"] + 3.0} if i < 2 else {}) for i, layer in enumerate(params)]
    outputs = [apply_mlp(p, state, x, spec=with_bias, hyper=hyper, train=True)[0] for p in (params, tuple(shifted))]
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-4)
    without, _ = init_mlp(jax.random.key(0), spec, hyper)
    np.testing.assert_array_equal(params[0]["weight"], without[0]["weight"])


def test_a_penalty_takes_in_biases_where_it_is_asked_to():
    """S-067: ℓ_p(θ) of all parameters, against NumPy; a norm's scale and shift stay out."""
    params, _ = init_mlp(jax.random.key(0), MLPSpec((4, 3, 2), norm="layer_norm"), Hyper())
    params = jax.tree.map(lambda leaf: leaf + 0.5, params)
    for biases in (False, True):
        names = ("weight", "bias") if biases else ("weight",)
        expected = sum(float(np.sum(np.square(layer[name]))) for layer in params for name in names)
        found = nn.PENALTIES["l2"](weights_of(params, biases=biases))
        assert float(found) == pytest.approx(expected, rel=1e-6)


def test_a_penalty_of_biases_moves_them(digits):
    on = replace(SPEC, loss=LossSpec(penalty="l2", penalize_biases=True), evaluation=EvalSpec(batch_size=128), epochs=1)
    off = replace(on, loss=LossSpec(penalty="l2"))
    hyper = Hyper(learning_rate=0.1, penalty=0.5)
    biases = [np.asarray(trained(spec, digits, hyper).train.params[0]["bias"]) for spec in (on, off)]
    assert np.abs(biases[0]).sum() < 0.95 * np.abs(biases[1]).sum()


def test_a_residual_block_is_d1s_code_sample():
    """S-034: 5 observations, 3 -> 10 -> 3, out = ReLU(x + fc2(ReLU(fc1(x)))), by NumPy."""
    spec, numbers = MLPSpec((3, 3, 10, 3, 3), residual="block"), np.random.default_rng(0)
    shapes = ((3, 3), (3, 10), (10, 3), (3, 3))
    params, state = init_mlp(jax.random.key(0), spec, Hyper())
    eye = np.eye(3, dtype=np.float32)
    drawn = [numbers.normal(size=shape).astype(np.float32) for shape in shapes]
    weights = [eye, drawn[1], drawn[2], eye]
    transposed = params[1]["weight"].shape == (10, 3)
    shifts = (0.0, 0.1, 0.1, 0.0)
    layers = [
        layer | {"weight": jnp.asarray(weight.T if transposed else weight), "bias": layer["bias"] + shifts[i]}
        for i, (layer, weight) in enumerate(zip(params, weights, strict=True))
    ]
    x = numbers.random((5, 3)).astype(np.float32)  # not negative: the first layer's ReLU leaves it
    found = apply_mlp(tuple(layers), state, jnp.asarray(x), spec=spec, hyper=Hyper(), train=False)[0]
    inner = np.maximum(x @ drawn[1] + 0.1, 0) @ drawn[2] + 0.1
    np.testing.assert_allclose(found, np.maximum(x + inner, 0), rtol=1e-5)


def test_later_rounds_of_a_search_may_train_longer():
    """S-109: each round has its own length; a short round's scores choose its box, and never the winner."""
    asked = []

    def evaluate(length, points):
        asked.append(length)
        return -jnp.abs(jnp.log(points["rate"] / 0.1)) + (100.0 if length == "short" else 0.0)

    each = [partial(evaluate, length) for length in ("short", "long")]
    search = partial(log_random_search, jax.random.key(0), ranges={"rate": (1e-4, 1.0)}, budget=16)
    found = search(each, rounds=2)
    assert asked == ["short", "long"]
    point, score = found.best()
    assert float(score) < 0
    assert float(point["rate"]) in np.asarray(found.points["rate"][8:])
    assert abs(np.log(float(point["rate"]) / 0.1)) < 0.5
    with pytest.raises(InputError, match="2 functions to evaluate 3 rounds"):
        search(each, rounds=3, budget=18)


@pytest.mark.parametrize(
    ("part", "fields"),
    [("mlp", {"bias_into_norm": True}), ("loss", {"penalize_biases": True}), ("evaluation", {"stop_on": "error"})],
)
def test_a_new_field_is_part_of_an_id_only_where_it_is_used(part, fields):
    own = replace(SPEC, **{part: replace(getattr(SPEC, part), **fields)})
    ids = [make_run(Arm("a", spec), 0, "").run_id for spec in (SPEC, own)]
    assert ids[0] != ids[1]
    assert not set(fields) & set(canonical(SPEC)[part])
    assert set(fields) <= set(canonical(own)[part])
