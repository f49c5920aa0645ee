"""S-037, S-038, A-14, C-118: both forms, what they have in common, and their expectation."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.nn import dropout, keep_probability_dropout

RATE = 0.3


def test_training_zeroes_the_rate_and_prediction_does_not():
    x = jnp.ones((200, 100))
    inverted = np.asarray(dropout(jax.random.key(0), x, RATE))
    assert abs((inverted == 0).mean() - RATE) < 4 * np.sqrt(RATE * (1 - RATE) / x.size)
    np.testing.assert_allclose(inverted[inverted != 0], 1 / (1 - RATE), rtol=1e-6)
    np.testing.assert_array_equal(dropout(None, x, RATE), x)


def test_d1_s_form_is_the_inverted_one_times_p():
    """Training m∘x and prediction p·x, both p times the other form: the same net up to the next weights' scale."""
    x = jax.random.normal(jax.random.key(1), (20, 10))
    for key in (jax.random.key(0), None):
        np.testing.assert_allclose(
            keep_probability_dropout(key, x, RATE), (1 - RATE) * dropout(key, x, RATE), rtol=1e-6
        )


@pytest.mark.parametrize("rule", [dropout, keep_probability_dropout])
def test_prediction_is_the_mean_over_masks_of_a_linear_net(rule):
    """C-118: exact for a linear readout; here to 5 standard errors of 4000 masks."""
    x, weight = jax.random.normal(jax.random.key(1), (2, 64))
    masks = jax.random.split(jax.random.key(2), 4000)
    sampled = np.asarray(jax.vmap(lambda key: rule(key, x, RATE) @ weight)(masks), np.float64)
    error = sampled.std() / len(sampled) ** 0.5
    assert abs(sampled.mean() - float(rule(None, x, RATE) @ weight)) < 5 * error


@pytest.mark.parametrize("rule", [dropout, keep_probability_dropout])
def test_rate_0_is_neutral_and_rates_are_traced(rule):
    x = jax.random.normal(jax.random.key(1), (20, 10))

    @jax.jit
    @chex.assert_max_traces(n=1)
    def drop(rate):
        return rule(jax.random.key(0), x, rate)

    np.testing.assert_array_equal(drop(0.0), x)
    assert (drop(0.5) == 0).sum() > 60
