"""Networks: counts, structure, modes, initial draws, and the contracts that hold for every spec."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    MLPSpec,
    NetHyper,
    apply_mlp,
    count_parameters,
    init_mlp,
)

FIVE = (784, 128, 64, 32, 16, 10)
TWENTY_TWO = (
    784,
    784,
    1024,
    1024,
    2048,
    512,
    512,
    256,
    256,
    *[128] * 3,
    *[64] * 3,
    *[32] * 3,
    *[16] * 3,
    12,
    10,
)
FORTY_ONE = (
    *(784, 784, 1024, 1024, 512, 512),
    *[256, 512, 1024, 512, 256] * 5,
    *(64, 64, 64, 32, 32, 32, 16, 16, 12, 12, 10),
)


@pytest.mark.parametrize(
    ("row", "widths", "norm", "layers", "count"),
    [
        ("P-01", FIVE, "none", 5, 111_514),
        ("P-02", FIVE, "batch_norm", 5, 111_994),
        ("P-03", TWENTY_TWO, "none", 22, 6_165_038),
        ("P-04", TWENTY_TWO, "batch_norm", 22, 6_179_334),
        ("P-05", FORTY_ONE, "none", 41, 10_246_202),
        ("P-06", FORTY_ONE, "batch_norm", 41, 10_280_202),
        ("P-14", (784, 300, 150, 10), "pre", 3, 282_600),
        ("P-14", (784, 100, 10), "pre", 2, 79_600),
    ],
)
def test_parameter_counts_of_the_ledger(row, widths, norm, layers, count):
    d4 = {"norm": "batch_norm", "norm_position": "pre_activation", "bias": False}
    spec = MLPSpec(widths, **(d4 if norm == "pre" else {"norm": norm}))
    assert spec.num_layers == layers
    assert count_parameters(spec) == count


def test_count_equals_the_size_of_what_is_drawn():
    spec = MLPSpec((7, 5, 4, 3), norm="batch_norm")
    params, _ = init_mlp(jax.random.key(0), spec, NetHyper())
    assert (
        count_parameters(spec) == sum(leaf.size for leaf in jax.tree.leaves(params)) == 7 * 5 + 5 * 4 + 4 * 3 + 12 + 18
    )


def by_hand(params, norm_state, x, position):
    """A network in NumPy, evaluation mode."""
    for i, p in enumerate(params):
        x = x @ np.asarray(p["weight"]).T + np.asarray(p.get("bias", 0.0))
        if i == len(params) - 1:
            return x
        norm = lambda x: x
        if norm_state:
            s = {k: np.asarray(v) for k, v in norm_state[i].items()}
            scale, shift = np.asarray(p["scale"]), np.asarray(p["shift"])
            norm = lambda x, s=s, scale=scale, shift=shift: scale * (x - s["mean"]) / np.sqrt(s["var"] + 1e-5) + shift
        relu = lambda x: np.maximum(x, 0)
        x = norm(relu(x)) if position == "post_activation" else relu(norm(x))
    return None


@pytest.mark.parametrize("norm", ["none", "batch_norm"])
@pytest.mark.parametrize("position", ["post_activation", "pre_activation"])
def test_evaluation_is_the_plain_computation(x64, norm, position):
    spec = MLPSpec((4, 6, 5, 3), norm=norm, norm_position=position, initializer="randn")
    params, state = init_mlp(jax.random.key(1), spec, NetHyper())
    rng = np.random.default_rng(0)
    params, state = jax.tree.map(lambda a: jnp.asarray(rng.uniform(0.5, 1.5, a.shape)), (params, state))
    x = rng.normal(size=(9, 4))
    logits, _, _ = apply_mlp(params, state, jnp.asarray(x), spec=spec, hyper=NetHyper(), train=False)
    np.testing.assert_allclose(logits, by_hand(params, state, x, position), rtol=1e-10)


def test_a_linear_that_feeds_a_norm_has_no_bias():
    pre = MLPSpec((4, 6, 3), norm="batch_norm", norm_position="pre_activation")
    params, _ = init_mlp(jax.random.key(0), pre, NetHyper())
    assert ["bias" in p for p in params] == [False, True]


def test_the_offsets_gradient_is_the_backward_hook(x64):
    """S-093: ∂L/∂(first linear's output), against δ¹ = (δ² W²) ∘ relu' by hand."""
    spec = MLPSpec((4, 6, 3))
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())
    x = jax.random.normal(jax.random.key(1), (5, 4))

    def loss(offsets):
        logits, _, _ = apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=True, offsets=offsets)
        return jnp.sum(jnp.square(logits)) / 2

    first, last = jax.grad(loss)((jnp.zeros((5, 6)), jnp.zeros((5, 3))))
    hidden = np.asarray(x @ params[0]["weight"].T)
    logits = np.maximum(hidden, 0) @ np.asarray(params[1]["weight"]).T
    np.testing.assert_allclose(last, logits, rtol=1e-10)
    np.testing.assert_allclose(first, (logits @ np.asarray(params[1]["weight"])) * (hidden > 0), rtol=1e-10)


def test_taps_are_every_linear_s_output():
    spec = MLPSpec((4, 6, 3))
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())
    x = jax.random.normal(jax.random.key(1), (5, 4))
    logits, _, taps = apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=False)
    np.testing.assert_allclose(taps[0], x @ params[0]["weight"].T, rtol=1e-5)
    assert taps[1] is logits


def test_dropout_zeroes_the_rate_and_keeps_the_mean():
    """S-038, read off a network of identity weights."""
    n, rate = 2000, 0.3
    spec = MLPSpec((n, n, n), dropout=True)
    params = ({"weight": jnp.eye(n)},) * 2

    def call(**mode):
        return apply_mlp(params, (), jnp.ones((1, n)), spec=spec, hyper=NetHyper(dropout_rate=rate), **mode)[0]

    dropped = np.asarray(call(train=True, key=jax.random.key(0)))[0]
    assert abs((dropped == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / n)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate), rtol=1e-5)
    np.testing.assert_array_equal(call(train=False), np.ones((1, n)))
    with pytest.raises(InputError, match="dropout: training needs key"):
        call(train=True)


STD = {"randn": lambda i: 1.0, "he_normal": lambda i: (2 / i) ** 0.5, "he_uniform": lambda i: (2 / i) ** 0.5}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_have_their_moments(name):
    """S-040, S-041: mean 0 and the documented standard deviation, both to 4 standard errors."""
    spec = MLPSpec((300, 400, 10), initializer=name)
    params, _ = init_mlp(jax.random.key(0), spec, NetHyper())
    weight, n = np.asarray(params[0]["weight"], np.float64), 300 * 400
    std = STD[name](300)
    assert abs(weight.mean()) < 4 * std / n**0.5
    assert abs(weight.std() - std) < 4 * std / n**0.5
    uniform = np.abs(weight).max() <= 3**0.5 * std
    assert uniform == (name == "he_uniform")
    bias = np.asarray(params[0]["bias"])
    assert (abs(bias.std() - 1) < 0.15) if name == "randn" else (bias == 0).all()


def test_arms_that_differ_in_scale_share_their_draws():
    draws = {}
    for name in ("randn", "he_normal"):
        params, _ = init_mlp(jax.random.key(3), MLPSpec((50, 20, 10), initializer=name), NetHyper())
        draws[name] = params
    for a, b, fan_in in zip(draws["randn"], draws["he_normal"], (50, 20), strict=True):
        np.testing.assert_allclose(a["weight"] * (2 / fan_in) ** 0.5, b["weight"], rtol=1e-6)
    other, _ = init_mlp(jax.random.key(3), MLPSpec((50, 20, 7)), NetHyper())  # the first layer agrees in shape
    np.testing.assert_array_equal(other[0]["weight"], draws["he_normal"][0]["weight"])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_dtype_and_are_elementwise(name):
    x = jnp.linspace(-3, 3, 12, dtype=jnp.float32).reshape(3, 4)
    y = ACTIVATIONS[name](x)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(jax.vmap(jax.vmap(ACTIVATIONS[name]))(x), y)


def test_relu_has_no_gradient_at_the_kink():
    np.testing.assert_array_equal(jax.vmap(jax.grad(ACTIVATIONS["relu"]))(jnp.array([-1.0, 0.0, 2.0])), [0, 0, 1])


GRID = [
    MLPSpec((4, 6, 5, 3), norm=norm, norm_position=position, dropout=dropout)
    for norm, position, dropout in itertools.product(
        ("none", "batch_norm"), ("post_activation", "pre_activation"), (False, True)
    )
]


@pytest.mark.parametrize("spec", GRID, ids=lambda s: f"{s.norm}-{s.norm_position}-{s.dropout}")
def test_every_network_keeps_the_contracts(spec):
    """jit = no jit, vmap = loop, structure and dtype kept, new numbers do not retrace."""
    traces = []

    def forward(key, x, hyper):
        traces.append(1)
        params, state = init_mlp(key, spec, hyper)
        return state, apply_mlp(params, state, x, spec=spec, hyper=hyper, train=True, key=key)

    keys, x = jax.random.split(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (8, 4))
    hyper = NetHyper(init_gain=0.7, dropout_rate=0.25)
    jitted = jax.jit(forward)
    plain = [forward(key, x, hyper) for key in keys]
    lanes = jax.vmap(forward, (0, None, None))(keys, x, hyper)
    traces.clear()
    for i, key in enumerate(keys):
        before, (_, after, _) = jitted(key, x, jax.tree.map(lambda v, i=i: v * (1 + 0.1 * i), hyper))
        assert jax.tree.map(lambda a: (a.shape, a.dtype), before) == jax.tree.map(lambda a: (a.shape, a.dtype), after)
        for a, b in zip(jax.tree.leaves(plain[i]), jax.tree.leaves(lanes), strict=True):
            np.testing.assert_allclose(a, b[i], rtol=1e-4, atol=1e-5)
    assert len(traces) == 1
    for a, b in zip(jax.tree.leaves(plain[0]), jax.tree.leaves(jitted(keys[0], x, hyper)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widths": (784,)}, r"widths \(784,\) are not a network: give at least two positive integers"),
        ({"widths": (784, 0, 10)}, "are not a network"),
        ({"widths": (784, -5, 10)}, "are not a network"),
        ({"widths": (784, 2.5, 10)}, "are not a network"),
        ({"activation": "swoosh"}, "unknown activation 'swoosh': choose one of relu"),
        ({"norm": "group"}, "unknown norm 'group': choose one of none, batch_norm"),
        ({"norm_position": "middle"}, "unknown norm position 'middle'"),
        ({"initializer": "ones"}, "unknown initializer 'ones': choose one of randn, he_normal, he_uniform"),
    ],
)
def test_wrong_specs_say_what_is_accepted(fields, message):
    with pytest.raises(InputError, match=message) as caught:
        MLPSpec(**({"widths": (784, 10)} | fields))
    assert "\n" not in str(caught.value)


def test_wrong_calls_say_what_is_accepted():
    spec = MLPSpec((4, 6, 3), norm="batch_norm")
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())
    with pytest.raises(InputError, match=r"shape \(5, 3\); this network takes \[batch, 4\]"):
        apply_mlp(params, state, jnp.ones((5, 3)), spec=spec, hyper=NetHyper(), train=False)
    with pytest.raises(InputError, match="update_norm needs norm_stats='batch'"):
        apply_mlp(params, state, jnp.ones((5, 4)), spec=spec, hyper=NetHyper(), train=True, norm_stats="running")
