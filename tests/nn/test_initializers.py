"""S-040 to S-045: the moments of every entry of the table, shared draws, and the forbidden starts."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxmlp.nn import INITIALIZERS, MLPSpec, NetHyper, init_mlp

FAN_IN, FAN_OUT = 300, 400

# Standard deviation at gain 1, and whether the draw is uniform.
MOMENTS = {
    "randn": (1.0, False),
    "torch_linear": ((3 * FAN_IN) ** -0.5, True),
    "normal": (1.0, False),
    "normal_shared_prefix": (1.0, False),
    "uniform": (3**-0.5, True),
    "zeros": (0.0, False),
    "lecun_normal": (FAN_IN**-0.5, False),
    "xavier_normal": ((2 / (FAN_IN + FAN_OUT)) ** 0.5, False),
    "xavier_uniform": ((2 / (FAN_IN + FAN_OUT)) ** 0.5, True),
    "he_normal": ((2 / FAN_IN) ** 0.5, False),
    "he_uniform": ((2 / FAN_IN) ** 0.5, True),
}


def weights(name, key=0, gain=1.0, widths=(FAN_IN, FAN_OUT, 10)):
    spec = MLPSpec(widths, initializer=name)
    return init_mlp(jax.random.key(key), spec, NetHyper(init_gain=gain))[0]


def test_every_entry_has_its_moments_here():
    assert set(MOMENTS) == set(INITIALIZERS) - {"symmetric"}  # one draw has none


@pytest.mark.parametrize("gain", [1.0, 0.01])
@pytest.mark.parametrize("name", MOMENTS)
def test_moments(name, gain):
    """Mean 0 and the documented standard deviation, both to 4 standard errors; N(0, s²) is gain s."""
    std, uniform = MOMENTS[name]
    weight = np.asarray(weights(name, gain=gain)[0]["weight"], np.float64)
    std *= gain
    assert abs(weight.mean()) <= 4 * std / weight.size**0.5
    assert abs(weight.std() - std) <= 4 * std / weight.size**0.5
    if std:
        assert (np.abs(weight).max() <= 1.000001 * 3**0.5 * std) == uniform


@pytest.mark.parametrize("name", INITIALIZERS)
def test_biases_are_zero_or_drawn_as_the_weights_are(name):
    bias = np.asarray(weights(name)[0]["bias"])
    if name in ("randn", "torch_linear"):
        assert abs(bias.std() / MOMENTS[name][0] - 1) < 0.15
    else:
        assert (bias == 0).all()


@pytest.mark.parity
def test_pytorch_s_start_has_pytorch_s_bounds():
    """The bound that nn.Linear draws within, weight and bias alike (S-012)."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    theirs = [p.detach().numpy() for p in torch.nn.Linear(FAN_IN, FAN_OUT).parameters()]
    ours = weights("torch_linear")[0]
    for name, their in zip(("weight", "bias"), theirs, strict=True):
        assert np.abs(their).max() == pytest.approx(FAN_IN**-0.5, rel=0.02)
        assert np.abs(np.asarray(ours[name])).max() == pytest.approx(FAN_IN**-0.5, rel=0.02)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_traced_gain_and_lanes_change_nothing(name):
    """jit = no jit, vmap = loop, one trace for all gains."""

    def draw(key, gain):
        return init_mlp(key, MLPSpec((6, 5, 4), initializer=name), NetHyper(init_gain=gain))[0]

    jitted, keys = jax.jit(chex.assert_max_traces(draw, n=1)), jax.random.split(jax.random.key(0), 3)
    lanes = jax.jit(jax.vmap(draw))(keys, jnp.asarray([0.5, 1.0, 2.0]))
    for i, gain in enumerate((0.5, 1.0, 2.0)):
        for a, b, c in zip(*map(jax.tree.leaves, (jitted(keys[i], gain), draw(keys[i], gain), lanes)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
            np.testing.assert_allclose(c[i], b, rtol=1e-6)


def test_arms_that_differ_in_scale_share_their_draws():
    randn, he, lecun = (weights(name, key=3, widths=(50, 20, 10)) for name in ("randn", "he_normal", "lecun_normal"))
    for layer, fan_in in enumerate((50, 20)):
        np.testing.assert_allclose(randn[layer]["weight"] * (2 / fan_in) ** 0.5, he[layer]["weight"], rtol=1e-6)
        np.testing.assert_allclose(he[layer]["weight"], 2**0.5 * lecun[layer]["weight"], rtol=1e-6)
    other = weights("he_normal", key=3, widths=(50, 20, 7))  # the first layer agrees in shape
    np.testing.assert_array_equal(other[0]["weight"], he[0]["weight"])


def test_symmetric_units_are_duplicates_of_half_a_normal():
    """Over nets, n times the entry of a layer with n inputs is |N(0, 1)|."""
    draws = []
    for key in range(400):
        first, second = (np.asarray(layer["weight"]) for layer in weights("symmetric", key, widths=(6, 5, 4)))
        assert np.unique(first).size == np.unique(second).size == 1
        draws += [6 * first[0, 0], 5 * second[0, 0]]
    assert stats.kstest(draws, stats.halfnorm.cdf).pvalue > 1e-3


def test_layers_with_a_shared_prefix_start_alike():
    """S-044: every layer of D2's program begins the same sequence anew."""
    first, second = (np.asarray(p["weight"]).ravel() for p in weights("normal_shared_prefix", widths=(6, 5, 4)))
    np.testing.assert_array_equal(second, first[: second.size])
    plain_first, plain_second = (np.asarray(p["weight"]).ravel() for p in weights("normal", widths=(6, 5, 4)))
    assert (plain_second != plain_first[: plain_second.size]).all()
