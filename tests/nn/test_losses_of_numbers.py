"""Losses of numbers: the formulas, PyTorch's `MSELoss` and `L1Loss`, and the derivative three ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxmlp.errors import InputError
from jaxmlp.nn import LOSSES, Loss, NetHyper, losses_of

BATCH, TARGETS = 6, 3
RNG = np.random.default_rng(0)
Y, T = RNG.normal(size=(2, BATCH, TARGETS))
BY_HAND = {
    "squared_error": (((Y - T) ** 2).mean(axis=1), 2 * (Y - T) / TARGETS),
    "absolute_error": (abs(Y - T).mean(axis=1), np.sign(Y - T) / TARGETS),
}


def losses(name, outputs=Y, targets=T):
    return losses_of(name, jnp.asarray(outputs), jnp.asarray(targets), NetHyper())


def test_the_table_s_losses_of_numbers_are_these():
    assert [name for name, row in LOSSES.items() if row.task == "numbers"] == list(BY_HAND)


@pytest.mark.parametrize("name", BY_HAND)
def test_value_and_gradient_are_the_formula_and_the_numeric_derivative(x64, name):
    expected, slope = BY_HAND[name]
    np.testing.assert_allclose(losses(name), expected, rtol=1e-12)
    gradient = jax.grad(lambda y: jnp.mean(losses(name, y)))(jnp.asarray(Y))
    np.testing.assert_allclose(gradient, slope / BATCH, rtol=1e-12)
    check_grads(lambda y: losses(name, y), (jnp.asarray(Y),), 1, modes=("fwd", "rev"), rtol=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize("name", BY_HAND)
def test_value_and_gradient_are_torch_s(x64, name):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    exact = Y.copy()
    exact[0, 0] = T[0, 0]  # where the absolute error has its kink
    y = torch.tensor(exact, requires_grad=True)
    rule = {"squared_error": torch.nn.MSELoss, "absolute_error": torch.nn.L1Loss}[name]()
    mean = rule(y, torch.tensor(T))
    mean.backward()
    assert float(jnp.mean(losses(name, exact))) == pytest.approx(mean.item(), rel=1e-12)
    gradient = jax.grad(lambda z: jnp.mean(losses(name, z)))(jnp.asarray(exact))
    np.testing.assert_allclose(gradient, y.grad.numpy(), rtol=1e-12)
    assert gradient[0, 0] == 0


@pytest.mark.parametrize("name", BY_HAND)
def test_one_target_may_be_a_vector(name):
    np.testing.assert_array_equal(losses(name, Y[:, :1], T[:, 0]), losses(name, Y[:, :1], T[:, :1]))


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("targets", [T[:, 0], T[:, :1], T[:1]])
def test_targets_that_would_only_broadcast_are_refused(name, targets):
    with pytest.raises(InputError, match=r"targets of shape .* for outputs of shape \(6, 3\): give one number per"):
        losses(name, Y, targets)


@pytest.mark.makes_nan
@pytest.mark.parametrize("name", BY_HAND)
def test_nan_stays_nan(name):
    assert np.isnan(losses(name, np.full((1, 1), np.nan), np.zeros(1)))


def test_a_loss_of_one_s_own_says_what_it_is_about():
    with pytest.raises(InputError, match="unknown task of a loss 'ranks': choose one of classes, numbers"):
        LOSSES.register("own", Loss(lambda y, t: (y - t)[:, 0], task="ranks"))
    assert "own" not in LOSSES
