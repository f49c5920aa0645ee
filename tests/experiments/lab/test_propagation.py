"""How a start carries variance, against the theory of wide nets."""

import jax
import numpy as np
import pytest
from scipy.integrate import quad

from experiments.lab.propagation import FIRST_LAYERS, PROPAGATION_STARTS, WIDTH, log_variances, profiles_of

SEEDS, FOLLOWED = range(6), 8


@pytest.fixture(scope="module")
def found():
    """By arm, the mean over the seeds' nets."""
    starts = {arm: start._replace(depth=FOLLOWED) for arm, start in PROPAGATION_STARTS.items()}
    of_seed = jax.jit(lambda seed: log_variances(seed, starts))
    return jax.tree.map(lambda *logs: np.mean(logs, axis=0), *map(of_seed, SEEDS))


def next_variance(variance, activation):
    """E[f(√v z)²] over z from N(0, 1), by quadrature: the variance that Var(w) = 1/n makes of it."""
    moment, _ = quad(lambda z: activation(np.sqrt(variance) * z) ** 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), -9, 9)
    return moment


@pytest.mark.parametrize(
    ("arm", "gain", "bias", "activation"),
    [
        ("start_he_relu", 2.0, 0.0, lambda y: max(y, 0.0)),
        ("start_lecun_relu", 1.0, 0.0, lambda y: max(y, 0.0)),
        ("start_randn_relu", WIDTH, 1.0, lambda y: max(y, 0.0)),
        ("start_normal_0.01_relu", WIDTH * 1e-4, 0.0, lambda y: max(y, 0.0)),
        ("start_xavier_tanh", 1.0, 0.0, np.tanh),
        ("start_randn_tanh", WIDTH, 1.0, np.tanh),
        ("start_normal_0.01_tanh", WIDTH * 1e-4, 0.0, np.tanh),
    ],
)
def test_it_is_that_of_a_wide_net(found, arm, gain, bias, activation):
    """Layer by layer v ↦ n Var(w) E[f(√v z)²] + Var(b), to what nets of finite width differ by."""
    variances = [gain + bias]
    while len(variances) < FOLLOWED:
        variances.append(gain * next_variance(variances[-1], activation) + bias)
    assert found[arm].shape == (FOLLOWED,)
    np.testing.assert_allclose(found[arm], np.log(variances), atol=0.35)


def test_slope_and_ratio_are_those_of_the_rows():
    starts = {"start": PROPAGATION_STARTS["start_lecun_relu"]._replace(depth=20)}
    tables = profiles_of(starts, (7, 0, 1), range(2)).make(None)
    assert tables["starts"].groupby("seed").size().tolist() == [20, 20]
    assert tables["start_growth"]["seed"].tolist() == [7, 0, 1]
    drawn, numbers = (rows.loc[rows["seed"] == 1] for rows in (tables["starts"], tables["start_growth"]))
    logs = drawn["log10_variance"].to_numpy() * np.log(10)
    slope = np.cov(drawn["layer"], logs)[0, 1] / np.var(drawn["layer"], ddof=1)
    assert numbers["log_variance_slope"].to_numpy() == pytest.approx(slope)
    assert numbers["log_variance_ratio"].to_numpy() == pytest.approx(np.mean(np.diff(logs[:FIRST_LAYERS])))
    assert slope == pytest.approx(np.log(0.5), abs=0.1)
