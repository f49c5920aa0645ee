"""The documents' formulas in plain NumPy, float64: the third, independent check of every derivative."""

import numpy as np


def linear(weight, bias, x):
    return x @ weight.T + bias


def linear_backward(weight, x, g):
    """dW, db, dx by their index formulas, summed in explicit loops over the batch."""
    d_weight = sum(np.outer(g[b], x[b]) for b in range(len(x)))
    return d_weight, g.sum(axis=0), np.stack([weight.T @ row for row in g])


def batch_norm(scale, shift, x, eps):
    mean, var = x.mean(axis=0), x.var(axis=0)
    return scale * (x - mean) / np.sqrt(var + eps) + shift, mean, var


def batch_norm_backward(scale, x, eps, g, g_mean, g_var):
    """dγ, dβ, dx through the full Jacobian of x̂, feature by feature: no six formulas here.

    ∂x̂_a/∂x_b = (δ_ab − 1/B)/s − (x_a − μ)(x_b − μ)/(B s³), ∂μ/∂x_b = 1/B, ∂σ²/∂x_b = 2(x_b − μ)/B.
    """
    batch, features = x.shape
    mean, var = x.mean(axis=0), x.var(axis=0)
    s = np.sqrt(var + eps)
    dx = np.empty_like(x)
    for c in range(features):
        d = x[:, c] - mean[c]
        jacobian = (np.eye(batch) - 1 / batch) / s[c] - np.outer(d, d) / (batch * s[c] ** 3)
        dx[:, c] = scale[c] * jacobian.T @ g[:, c] + g_mean[c] / batch + g_var[c] * 2 * d / batch
    return (g * (x - mean) / s).sum(axis=0), g.sum(axis=0), dx


# The vector of all weights to the penalty.
PENALTIES = {
    "l1": lambda w: np.linalg.norm(w, 1),
    "l2": lambda w: np.linalg.norm(w) ** 2,
    "l2_norm": np.linalg.norm,
}
