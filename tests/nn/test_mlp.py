"""Networks: structure, modes, initial draws, and the contracts that hold for every spec."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, NetHyper, apply_mlp, init_mlp
from jaxmlp.nn.spec import DROPOUTS, NORM_POSITIONS, NORMS, RESIDUALS


def by_hand(params, norm_state, x, position):
    """A network in NumPy, evaluation mode."""
    for i, p in enumerate(params):
        x = x @ np.asarray(p["weight"]).T + np.asarray(p.get("bias", 0.0))
        if i == len(params) - 1:
            return x
        norm = lambda x: x
        if norm_state[i]:
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


@pytest.mark.parametrize("position", ["post_activation", "pre_activation"])
def test_a_norm_s_input_is_what_stands_before_it(position):
    """The linear's output or the activation's; the first layers alone give the same."""
    spec = MLPSpec((4, 6, 5, 3), norm="batch_norm", norm_position=position)
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())
    x = jax.random.normal(jax.random.key(1), (5, 4))
    _, _, taps = apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=True)
    seen = taps.linear if position == "pre_activation" else taps.activation
    assert all(ours is theirs for ours, theirs in zip(taps.norm_input[:2], seen[:2], strict=True))
    assert taps.norm_input[2] is taps.activation[2] is None
    _, _, first = apply_mlp(params[:1], state, x, spec=spec, hyper=NetHyper(), train=True)
    np.testing.assert_array_equal(first.norm_input[0], taps.norm_input[0])


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


def test_an_activation_s_tap_is_what_it_gives(x64):
    """Behind the norm where that comes first, and behind the sum with a module's input."""
    spec = MLPSpec((4, 6, 6, 6, 3), norm="batch_norm", norm_position="pre_activation", residual="block")
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())
    x = jax.random.normal(jax.random.key(1), (5, 4))
    _, _, taps = apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=False)
    first, inner, last = (np.asarray(value) / np.sqrt(1 + 1e-5) for value in taps.linear[:3])
    np.testing.assert_allclose(taps.activation[0], np.maximum(first, 0), rtol=1e-9)
    np.testing.assert_allclose(taps.activation[1], np.maximum(inner, 0), rtol=1e-9)
    np.testing.assert_allclose(taps.activation[2], np.maximum(last + np.maximum(first, 0), 0), rtol=1e-9)
    assert taps.activation[3] is None


def test_taps_are_every_linear_s_output():
    spec = MLPSpec((4, 6, 3))
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())
    x = jax.random.normal(jax.random.key(1), (5, 4))
    logits, _, taps = apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=False)
    np.testing.assert_allclose(taps.linear[0], x @ params[0]["weight"].T, rtol=1e-5)
    assert taps.linear[1] is logits


def test_dropout_zeroes_the_rate_and_keeps_the_mean():
    """S-038, read off a network of identity weights."""
    n, rate = 2000, 0.3
    spec = MLPSpec((n, n, n), dropout="inverted")
    params = ({"weight": jnp.eye(n)},) * 2

    def call(**mode):
        return apply_mlp(params, ({}, {}), jnp.ones((1, n)), spec=spec, hyper=NetHyper(dropout_rate=rate), **mode)[0]

    dropped = np.asarray(call(train=True, key=jax.random.key(0)))[0]
    assert abs((dropped == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / n)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / (1 - rate), rtol=1e-5)
    np.testing.assert_array_equal(call(train=False), np.ones((1, n)))
    with pytest.raises(InputError, match="dropout: training needs key"):
        call(train=True)


@pytest.mark.parametrize("residual", ["d0", "d0_identity", "block"])
@pytest.mark.parametrize("norm", ["none", "batch_norm"])
def test_residual_nets_are_the_written_structure(x64, residual, norm):
    """S-034, S-035 by hand on a small net: begin, modules, end, and what stays bare."""
    widths = (4, 6, 5, 6, 5, 6, 6, 7, 3) if residual != "block" else (4, 6, 5, 6, 5, 7, 3)
    spec = MLPSpec(widths, norm=norm, residual=residual, initializer="randn")
    params, state = init_mlp(jax.random.key(1), spec, NetHyper(init_gain=0.4))
    x = np.random.default_rng(0).normal(size=(9, 4))

    def layer(i, x, bare):
        p = params[i]
        y = x @ np.asarray(p["weight"]).T + np.asarray(p["bias"])
        return y if bare else after(p, y)

    def after(p, y):
        y = np.maximum(y, 0)
        if norm == "batch_norm":  # running statistics at their start: mean 0, variance 1
            y = np.asarray(p["scale"]) * y / np.sqrt(1 + 1e-5) + np.asarray(p["shift"])
        return y

    def skip(i, x):
        p = params[i]
        return x @ np.asarray(p["skip_weight"]).T + np.asarray(p["skip_bias"]) if "skip_weight" in p else x

    if residual == "block":  # two linears a module, activation behind the sum
        h = layer(0, x, bare=False)
        for first in (1, 3):
            inner = layer(first + 1, layer(first, h, bare=False), bare=True)
            h = after(params[first + 1], inner + skip(first + 1, h))
        expected = layer(5, h, bare=True)
        assert ["skip_weight" in p for p in params] == [False, False, False, False, True, False]
    else:  # five linears, then what is left; the sum stays bare, and so does the first linear
        begun = layer(0, x, bare=True)
        h = begun
        for i in range(1, 5):
            h = layer(i, h, bare=False)
        h = layer(5, h, bare=True) + skip(5, begun)
        h = layer(6, h, bare=True) + skip(6, h)
        expected = layer(7, h, bare=True)
        linear_skips = [5, 6] if residual == "d0" else [6]
        assert [i for i, p in enumerate(params) if "skip_weight" in p] == linear_skips
    logits, _, _ = apply_mlp(params, state, jnp.asarray(x), spec=spec, hyper=NetHyper(), train=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ["maxout", "maxout_layer", "prelu"])
def test_activations_with_parameters_of_their_own(x64, activation):
    """S-039, S-054: the largest of k affine maps, textbook's and D3's, and the learned slope."""
    spec = MLPSpec((4, 6, 3), activation=activation, maxout_pieces=3)
    params, state = init_mlp(jax.random.key(1), spec, NetHyper())
    x = np.random.default_rng(0).normal(size=(9, 4))
    first = {name: np.asarray(value) for name, value in params[0].items()}
    y = x @ first["weight"].T + first["bias"]
    if activation == "prelu":
        assert first["slope"] == 0.25
        hidden = np.where(y > 0, y, 0.25 * y)
    else:
        if activation == "maxout_layer":
            y = y @ first["maxout_weight"].T + first["maxout_bias"]
        hidden = np.max([y[:, 6 * j : 6 * j + 6] for j in range(3)], axis=0)
    expected = hidden @ np.asarray(params[1]["weight"]).T
    logits, _, _ = apply_mlp(params, state, jnp.asarray(x), spec=spec, hyper=NetHyper(), train=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-10)


def test_without_biases_the_skips_and_maxout_layers_have_none_either():
    """Then zero in gives zero out, whatever the draws; randn draws biases unlike 0 where there are any."""
    for name, spec in GRID.items():
        if "no biases" in name:
            params, state = init_mlp(jax.random.key(0), spec, NetHyper())
            assert not [key for layer in params for key in layer if key.endswith("bias")]
            logits, _, _ = apply_mlp(params, state, jnp.zeros((2, 4)), spec=spec, hyper=NetHyper(), train=False)
            np.testing.assert_array_equal(logits, np.zeros((2, 3)))


@pytest.mark.parametrize("form", ["inverted", "keep_probability"])
def test_every_layer_has_a_dropout_mask_of_its_own(form):
    """Read off the zeros of a net of identity weights: with one key in every layer both masks would be the same."""
    n = 64
    spec = MLPSpec((n, n, n, n), dropout=form)
    params, mode = ({"weight": jnp.eye(n)},) * 3, {"train": True, "key": jax.random.key(3)}
    hyper = NetHyper(dropout_rate=0.5)
    logits, _, taps = apply_mlp(params, ({},) * 3, jnp.ones((1, n)), spec=spec, hyper=hyper, **mode)
    past_one, past_both = np.asarray(taps.linear[1] != 0), np.asarray(logits != 0)
    assert 20 <= past_one.sum() <= 44
    assert past_both.sum() < 0.8 * past_one.sum()


def test_skips_and_maxout_layers_draw_from_keys_of_their_own():
    """Equal shapes: with the main path's key they would start as its copies."""
    residual = MLPSpec((6, 6, 6, 6, 6), residual="d0")
    maxout_layer = MLPSpec((6, 12, 3), activation="maxout_layer", maxout_pieces=2)
    for spec, prefix in ((residual, "skip_"), (maxout_layer, "maxout_")):
        params, _ = init_mlp(jax.random.key(0), spec, NetHyper())
        matrices = [np.asarray(p[name]) for p in params for name in p if name.endswith("weight")]
        assert any(f"{prefix}weight" in p for p in params)
        draws = [matrix.ravel()[:18] * np.sqrt(matrix.shape[1]) for matrix in matrices]
        gaps = [np.abs(a - b).max() for i, a in enumerate(draws) for b in draws[:i]]
        assert min(gaps) > 0.1


def test_layer_norm_nets_keep_biases_and_have_no_state():
    spec = MLPSpec((4, 6, 3), norm="layer_norm", norm_position="pre_activation")
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())
    assert ["bias" in p for p in params] == [True, True]
    assert state == ({}, {})


GRID = {
    "plain": MLPSpec((4, 6, 5, 3)),
    "batch norm, D0": MLPSpec((4, 6, 5, 3), norm="batch_norm"),
    "batch norm, D4": MLPSpec((4, 6, 5, 3), norm="batch_norm", norm_position="pre_activation", bias=False),
    "layer norm": MLPSpec((4, 6, 5, 3), norm="layer_norm", norm_position="pre_activation"),
    "dropout": MLPSpec((4, 6, 5, 3), dropout="inverted"),
    "batch norm, keep-probability dropout": MLPSpec((4, 6, 5, 3), norm="batch_norm", dropout="keep_probability"),
    "maxout": MLPSpec((4, 6, 5, 3), activation="maxout", norm="batch_norm", norm_position="pre_activation"),
    "maxout layer": MLPSpec((4, 6, 5, 3), activation="maxout_layer", norm="batch_norm"),
    "prelu": MLPSpec((4, 6, 5, 3), activation="prelu"),
    "residual D0": MLPSpec((4, 6, 5, 6, 5, 6, 6, 7, 3), residual="d0", norm="batch_norm"),
    "residual D0, no biases": MLPSpec((4, 6, 5, 6, 5, 6, 6, 7, 3), residual="d0", bias=False, initializer="randn"),
    "maxout layer, no biases": MLPSpec((4, 6, 5, 3), activation="maxout_layer", bias=False, initializer="randn"),
    "residual identity": MLPSpec((4, 6, 5, 6, 5, 6, 6, 7, 3), residual="d0_identity"),
    "residual block": MLPSpec((4, 6, 5, 6, 5, 7, 3), residual="block", norm="batch_norm"),
}


@pytest.mark.parametrize(
    ("field", "table"),
    [("norm", NORMS), ("norm_position", NORM_POSITIONS), ("residual", RESIDUALS), ("dropout", DROPOUTS)],
)
def test_every_structure_of_the_tables_has_a_network_here(field, table):
    assert {getattr(spec, field) for spec in GRID.values()} == set(table)


# Their parts are those of the others.
SLOW = ("batch norm, D4", "dropout", "residual D0, no biases", "maxout layer, no biases", "residual identity")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name in SLOW)) for name in GRID])
def test_every_network_keeps_the_contracts(name):
    """jit = no jit, vmap = loop, structure and dtype kept, new numbers do not retrace."""
    spec = GRID[name]

    def forward(key, x, hyper):
        params, state = init_mlp(key, spec, hyper)
        return state, apply_mlp(params, state, x, spec=spec, hyper=hyper, train=True, key=key)

    keys, x = jax.random.split(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (8, 4))
    hyper = NetHyper(init_gain=0.7, dropout_rate=0.25)
    jitted = jax.jit(chex.assert_max_traces(forward, n=1))
    plain = [forward(key, x, hyper) for key in keys]
    lanes = jax.jit(jax.vmap(forward, (0, None, None)))(keys, x, hyper)
    for i, key in enumerate(keys):
        before, (_, after, _) = jitted(key, x, jax.tree.map(lambda v, i=i: v * (1 + 0.1 * i), hyper))
        chex.assert_trees_all_equal_shapes_and_dtypes(before, after)
        for a, b in zip(jax.tree.leaves(plain[i]), jax.tree.leaves(lanes), strict=True):
            np.testing.assert_allclose(a, b[i], rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(plain[0], jitted(keys[0], x, hyper), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widths": (784,)}, r"widths \(784,\) are not a network: give at least two positive integers"),
        ({"widths": (784, 0, 10)}, "are not a network"),
        ({"widths": (784, -5, 10)}, "are not a network"),
        ({"widths": (784, 2.5, 10)}, "are not a network"),
        ({"activation": "swoosh"}, "unknown activation 'swoosh': choose one of sigmoid, tanh, relu"),
        ({"norm": "group"}, "unknown norm 'group': choose one of none, batch_norm, layer_norm"),
        ({"residual": "dense"}, "unknown residual 'dense': choose one of none, d0, d0_identity, block"),
        ({"residual": "d0"}, "leave no layer between the first and the last"),
        ({"dropout": True}, "dropout is True: give a name"),
        ({"maxout_pieces": 1}, "maxout pieces 1: give an integer of at least 2"),
        ({"norm_position": "middle"}, "unknown norm position 'middle'"),
        ({"initializer": "ones"}, "unknown initializer 'ones': choose one of randn, "),
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
