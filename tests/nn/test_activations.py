"""S-050 to S-057: every entry of the table against PyTorch, its numeric derivative, and the contracts."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special

from jaxmlp.errors import InputError
from jaxmlp.nn import ACTIVATIONS, NetHyper
from jaxmlp.nn.activations import (
    FINITE_DIFFERENCE_STEP,
    FINITE_DIFFERENCE_STEP_FLOAT64,
    gelu_finite_difference,
    gelu_tanh,
    maxout,
)

GRID = np.concatenate([np.linspace(-8, 8, 41), [-100.0, -1e-3, 0.0, 1e-3, 100.0]])

SLOPE = np.sqrt(2 / np.pi)


def tanh_argument(x):
    return SLOPE * (x + 0.044715 * x**3)


# Value and derivative by hand, x <= 0 counted below the kink.
ORACLES = {
    "sigmoid": (special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "leaky_relu": (lambda x: np.maximum(0.01 * x, x), lambda x: np.where(x > 0, 1, 0.01)),
    "prelu": (lambda x: np.maximum(0.25 * x, x), lambda x: np.where(x > 0, 1, 0.25)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0))),
    "gelu_tanh": (
        lambda x: x * special.expit(2 * tanh_argument(x)),
        lambda x: (
            special.expit(2 * tanh_argument(x))
            + x / 2 / np.cosh(np.clip(tanh_argument(x), -300, 300)) ** 2 * SLOPE * (1 + 3 * 0.044715 * x**2)
        ),
    ),
    "gelu_erf": (
        lambda x: x * special.ndtr(x),
        lambda x: special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
    ),
}

# The name in torch.nn.functional, and its options.
TORCH = {
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "relu": ("relu", {}),
    "leaky_relu": ("leaky_relu", {}),
    "prelu": ("leaky_relu", {"negative_slope": 0.25}),
    "elu": ("elu", {}),
    "gelu_erf": ("gelu", {}),
    "gelu_tanh": ("gelu", {"approximate": "tanh"}),
}


def apply(name, x):
    activation = ACTIVATIONS[name]
    numbers = () if activation.number is None else (getattr(NetHyper(), activation.number),)
    return activation.function(x, *numbers)


@pytest.mark.parametrize("name", ORACLES)
def test_value_and_derivative_are_the_formula(x64, name):
    value, derivative = ORACLES[name]
    np.testing.assert_allclose(apply(name, jnp.asarray(GRID)), value(GRID), rtol=1e-12, atol=1e-14)
    slopes = jax.vmap(jax.grad(lambda x: apply(name, x)))(jnp.asarray(GRID))
    np.testing.assert_allclose(slopes, derivative(GRID), rtol=1e-10, atol=1e-13)


@pytest.mark.parity
@pytest.mark.parametrize("name", TORCH)
def test_equals_torch(x64, name):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    function, options = TORCH[name]
    x = torch.tensor(GRID, requires_grad=True)
    y = getattr(torch.nn.functional, function)(x, **options)
    y.sum().backward()
    np.testing.assert_allclose(apply(name, jnp.asarray(GRID)), y.detach(), rtol=1e-10, atol=1e-12)
    slopes = jax.vmap(jax.grad(lambda x: apply(name, x)))(jnp.asarray(GRID))
    np.testing.assert_allclose(slopes, x.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_entry_keeps_the_contracts(x64, name):
    """Numeric derivative away from the kink, no NaN in the tails, jit, vmap, dtype."""
    x = jnp.asarray(GRID[np.abs(GRID) > 1e-2])
    tolerance = 1e-4 if name == "gelu_finite_difference" else 1e-6
    check_grads(lambda x: apply(name, x), (x[np.abs(x) < 50],), 1, modes=("rev",), atol=tolerance, rtol=tolerance)
    if (number := ACTIVATIONS[name].number) is not None:  # a learned one is trained by this derivative
        by_number = lambda value: ACTIVATIONS[name].function(x, value)
        check_grads(by_number, (jnp.asarray(getattr(NetHyper(), number)),), 1, modes=("rev",))
    assert jnp.isfinite(jax.vmap(jax.grad(lambda x: apply(name, x)))(jnp.asarray([-1e4, 1e4]))).all()
    for dtype in (jnp.float32, jnp.float64):
        x = jnp.asarray(GRID, dtype).reshape(2, -1)
        y = apply(name, x)
        assert y.dtype == dtype
        assert y.shape == x.shape
        np.testing.assert_allclose(jax.jit(lambda x: apply(name, x))(x), y, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(jax.vmap(lambda x: apply(name, x))(x), y)


@pytest.mark.parity
@pytest.mark.parametrize("name", TORCH)
def test_what_is_no_number_is_that_of_torch(x64, name):
    """The limits at ±∞, but NaN for GELU at −∞, where its formula is −∞ · 0."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    function, options = TORCH[name]
    x = np.array([np.inf, -np.inf, np.nan])
    theirs = getattr(torch.nn.functional, function)(torch.tensor(x), **options)
    np.testing.assert_array_equal(apply(name, jnp.asarray(x)), theirs.numpy())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_stays_nan_and_infinity_does_not_become_a_number_of_another_size(name):
    nan, largest = apply(name, jnp.asarray([jnp.nan, jnp.inf]))
    assert jnp.isnan(nan)
    assert largest == (1.0 if name in ("sigmoid", "tanh") else jnp.inf)


def test_nan_in_one_of_maxouts_pieces_is_nan():
    assert jnp.isnan(maxout(jnp.asarray([[1.0, jnp.nan], [jnp.nan, 1.0]]), 2)).all()


@pytest.mark.parametrize("pieces", [0, 2, 4])
def test_maxout_of_columns_that_do_not_divide_says_so(pieces):
    with pytest.raises(InputError, match=f"maxout of 3 columns in {pieces} pieces: give pieces that divide"):
        maxout(jnp.ones((2, 3)), pieces)


def test_every_entry_has_an_oracle():
    assert set(ACTIVATIONS) == {*ORACLES, "gelu_finite_difference"}


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if ACTIVATIONS[name].number])
def test_new_numbers_do_not_retrace(name):
    @jax.jit
    @chex.assert_max_traces(n=1)
    def apply_traced(x, number):
        return ACTIVATIONS[name].function(x, number)

    low, high = (apply_traced(jnp.asarray([-1.0, 1.0]), number) for number in (0.1, 0.9))
    assert low[0] != high[0]
    assert low[1] == high[1]


def test_d2_s_gelu_has_the_difference_quotient_as_derivative():
    """S-056: the same value; a derivative that is off by δ² in theory and by rounding/δ in float32."""
    x = jnp.linspace(-4, 4, 33)
    np.testing.assert_array_equal(gelu_finite_difference(x), gelu_tanh(x))
    quotient = jax.vmap(jax.grad(gelu_finite_difference))(x)
    exact = jax.vmap(jax.grad(gelu_tanh))(x)
    error = np.abs(quotient - exact).max()
    assert 1e-6 < error < 2e-7 * 4 / FINITE_DIFFERENCE_STEP


def test_in_float64_the_step_is_d2_s_and_ten_digits_are_left(x64):
    x = jnp.linspace(-4, 4, 33)
    exact = jax.vmap(jax.grad(gelu_tanh))(x)
    error = np.abs(jax.vmap(jax.grad(gelu_finite_difference))(x) - exact).max()
    assert 1e-12 < error < 4 * 2.3e-16 / FINITE_DIFFERENCE_STEP_FLOAT64
    by_numpy = lambda x: x * special.expit(2 * tanh_argument(x))
    quotient = (by_numpy(np.asarray(x) + 1e-6) - by_numpy(np.asarray(x) - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.vmap(jax.grad(gelu_finite_difference))(x), quotient, atol=2e-9)


def test_where_the_difference_quotient_loses_its_digits():
    slope = jax.vmap(jax.grad(gelu_finite_difference))(jnp.asarray([1.0, 10.0, 2.0**16]))
    exact = jax.vmap(jax.grad(gelu_tanh))(jnp.asarray([1.0, 10.0, 2.0**16]))
    assert (np.abs(slope - exact) < np.array([6e-5, 6e-4, 1.1])).all()
    assert slope[2] == 0


def test_saturation_of_the_sigmoid():
    """C-107: beyond 5 its derivative is under 0.0067; at 0 it is a quarter, the largest it gets (C-209)."""
    slope = jax.grad(ACTIVATIONS["sigmoid"].function)
    assert float(slope(5.0)) == pytest.approx(0.00665, abs=5e-6)
    assert float(slope(-5.0)) == pytest.approx(0.00665, abs=5e-6)
    assert float(slope(0.0)) == 0.25


def test_maxout_takes_the_largest_and_its_gradient():
    x = jnp.asarray([[1.0, 5.0, 3.0, 2.0]])  # two units, two pieces: (1, 3) and (5, 2)
    np.testing.assert_array_equal(maxout(x, 2), [[3.0, 5.0]])
    np.testing.assert_array_equal(jax.grad(lambda x: maxout(x, 2).sum())(x), [[0.0, 1.0, 1.0, 0.0]])
    tie = jnp.ones((1, 2))
    np.testing.assert_array_equal(jax.grad(lambda x: maxout(x, 2).sum())(tie), [[0.5, 0.5]])
