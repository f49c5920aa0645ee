"""S-065: cross-entropy against torch's, its gradient p − t, and no overflow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from jaxmlp.nn import cross_entropy

LOGITS = np.random.default_rng(0).normal(scale=4.0, size=(7, 10))
LABELS = np.arange(7) % 10


def test_value_and_gradient_are_scipy_s(x64):
    losses = cross_entropy(jnp.asarray(LOGITS), jnp.asarray(LABELS))
    np.testing.assert_allclose(losses, -log_softmax(LOGITS, axis=1)[np.arange(7), LABELS], rtol=1e-12)
    grad = jax.grad(lambda z: jnp.mean(cross_entropy(z, jnp.asarray(LABELS))))(jnp.asarray(LOGITS))
    np.testing.assert_allclose(grad, (softmax(LOGITS, axis=1) - np.eye(10)[LABELS]) / 7, atol=1e-14)


@pytest.mark.parity
def test_equals_torch(x64):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.functional.cross_entropy(torch.tensor(LOGITS), torch.tensor(LABELS), reduction="none")
    np.testing.assert_allclose(cross_entropy(jnp.asarray(LOGITS), jnp.asarray(LABELS)), theirs, rtol=1e-12)


def test_equal_logits_give_log_k_and_huge_ones_stay_finite():
    np.testing.assert_allclose(cross_entropy(jnp.full((1, 10), 3.0), jnp.array([4])), np.log(10), rtol=1e-6)
    huge = jnp.array([[1e30, 0.0], [0.0, 1e30]])
    np.testing.assert_allclose(cross_entropy(huge, jnp.array([0, 0])), [0.0, 1e30], rtol=1e-6)
