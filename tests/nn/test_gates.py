"""S-023, S-024: the textbook's circuits, through jax.grad; they need no code of ours, only these values."""

import jax
import jax.numpy as jnp
import numpy as np


def test_the_sigmoid_circuit():
    """σ(w0 x0 + w1 x1 + w2) at w = (2, −3, −3), x = (−1, −2): 0.7311 and its gradients."""

    def circuit(w, x):
        return 1 / (1 + jnp.exp(-(w[0] * x[0] + w[1] * x[1] + w[2])))

    w, x = jnp.array([2.0, -3.0, -3.0]), jnp.array([-1.0, -2.0])
    value, (dw, dx) = jax.value_and_grad(circuit, (0, 1))(w, x)
    np.testing.assert_allclose(value, 0.7311, atol=5e-5)
    np.testing.assert_allclose(dw, [-0.1966, -0.3932, 0.1966], atol=5e-5)
    np.testing.assert_allclose(dx, [0.3932, -0.5898], atol=5e-5)
    # What flows back into the exponential's output: d/de 1/(1 + e) = −1/(1 + e)² at e = e^−1.
    np.testing.assert_allclose(jax.grad(lambda e: 1 / (1 + e))(jnp.exp(-1.0)), -0.5345, atol=1e-4)


def test_multiply_add_and_max_gates():
    """(x² + y) z, and the max gate, which sends everything to the larger input and at a tie picks a side."""
    gradient = jax.grad(lambda x, y, z: (x * x + y) * z, (0, 1, 2))(3.0, -4.0, 2.0)
    np.testing.assert_allclose(gradient, (12.0, 2.0, 5.0))

    def larger(x, y):
        return jnp.where(x >= y, x, y)

    assert jax.grad(larger, (0, 1))(2.0, 1.0) == (1.0, 0.0)
    assert jax.grad(larger, (0, 1))(1.0, 1.0) == (1.0, 0.0)


def test_the_matrix_gate():
    """d(XY)/dX = g Yᵀ and d(XY)/dY = Xᵀ g."""
    x, y, g = (jax.random.normal(jax.random.key(i), shape) for i, shape in enumerate([(2, 3), (3, 4), (2, 4)]))
    dx, dy = jax.vjp(jnp.matmul, x, y)[1](g)
    np.testing.assert_allclose(dx, np.asarray(g) @ np.asarray(y).T, rtol=1e-5)
    np.testing.assert_allclose(dy, np.asarray(x).T @ np.asarray(g), rtol=1e-5)
