"""What theory predicts, in numbers: the bands that measured flow and sharpness are held against.

All are laws of starts or of full-batch training under the conditions that each names; none is a law of training with
mini-batches. They take and give Python's numbers.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import digamma, gammaln

from jaxmlp.errors import InputError

BATCH_NORM_GROWTH = math.pi / (math.pi - 1)
"""1.467, by which the squared gradient of ReLU and batch norm grows per layer towards the input, at any start, in wide
nets and large batches: ½ / Var(ReLU(z)), which is ½ − 1/(2π) for a standard normal z (Yang et al. 2019). D0's order,
norm behind the activation, has the same."""

SMALLEST_BATCH = 6
"""From here on the squared gradient behind batch norm has a mean over starts."""

NODES = 200
"""Of the quadrature on either side of 0, where activations may have a kink."""


GROWTH_DRAWS = 4_000_000
"""Normal numbers that `batch_norm_growth` is estimated by, to about one part in a thousand; always the same ones."""


def batch_norm_growth(batch_size: int) -> float:
    """`BATCH_NORM_GROWTH` in batches of B, for D0's order, norm behind the activation, in wide nets.

    What a norm gives has mean 0 over the batch, so a linear output y of the next layer is normal with pairwise
    correlation −1/(B − 1). With u = ReLU(y), û = (u − mean)/σ and d = 1[y > 0], a squared gradient of entries a on the
    diagonal, less its mean, becomes 2 (m₀ − m₁) a: m₀ is the mean over rows of d_i (1 − 1/B − û_i²/B)/σ², m₁ that over
    pairs of rows of −d_i d_j (1 + û_i û_j)/(B σ²).

    Args:
        batch_size: B, at least `SMALLEST_BATCH`: in smaller ones the mean over starts does not exist.

    Raises:
        InputError: a smaller batch.

    >>> round(batch_norm_growth(64), 2)
    1.51
    """
    if batch_size < SMALLEST_BATCH:
        raise InputError(f"batch size {batch_size}: the growth has no mean there, give at least {SMALLEST_BATCH}")
    y = np.random.default_rng(0).normal(size=(GROWTH_DRAWS // batch_size, batch_size))
    y -= y.mean(axis=1, keepdims=True)
    u, alive = np.maximum(y, 0), y > 0
    variance = u.var(axis=1) * 2 * batch_size / (batch_size - 1)  # of y with variance 2, as He's start has it
    scaled = alive * (u - u.mean(axis=1, keepdims=True)) / u.std(axis=1, keepdims=True)
    count, total, squares = alive.sum(axis=1), scaled.sum(axis=1), np.square(scaled).sum(axis=1)
    own = (count * (1 - 1 / batch_size) - squares / batch_size) / variance
    pairs = -(count * (count - 1) + total**2 - squares) / batch_size / variance
    return float(2 * np.mean(own / batch_size - pairs / (batch_size * (batch_size - 1))))


class LogNorm(NamedTuple):
    """The normal distribution of the logarithm of a squared norm, over starts."""

    mean: float
    deviation: float


def finite_width_norm(widths: Sequence[int]) -> LogNorm:
    """ln of what a ReLU net with He's start multiplies a value or a gradient by: about N(−b/2, b), b = 5 Σ 1/n.

    Of values it is the ratio of mean squares, (‖h_L‖²/n_L)/(‖h_0‖²/n_0), of gradients that of squared norms. Either is
    kept in the mean over starts, exactly; the median is not: most nets lose and few gain (Hanin 2018; Hanin and Nica
    2020). Conditions: no bias or one of 0, no norm, no skips.

    Args:
        widths: of the hidden layers between.

    >>> round(finite_width_norm([100] * 10).mean, 4)
    -0.25
    """
    b = 5 * sum(1 / width for width in widths)
    return LogNorm(-b / 2, math.sqrt(b))


def finite_width_slope(width: int) -> float:
    """−5/(2n): what ln of the squared norm loses per layer of n ReLU units with He's start, in the mean over starts.

    >>> round(finite_width_slope(256), 4)
    -0.0098
    """
    return -2.5 / width


def relu_drift(width: int) -> float:
    """Return the exact mean log factor of n ReLU units with He's start; `finite_width_slope` is its leading term.

    k of n units are alive with probability C(n, k)/2ⁿ, and the squares of those are a χ² of k: so it is the mean over
    k ≥ 1 of ln(4/n) + ψ(k/2). Starts without a living unit are left out; `born_dead` counts them.

    Args:
        width: n, of the hidden layer; conditions as for `finite_width_norm`.

    >>> round(relu_drift(16), 4), round(finite_width_slope(16), 4)
    (-0.1764, -0.1562)
    """
    alive = np.arange(1, width + 1)
    log_ways = gammaln(width + 1) - gammaln(alive + 1) - gammaln(width - alive + 1) - width * math.log(2)
    share = np.exp(log_ways) / (1 - 2.0**-width)
    return float(np.sum(share * (math.log(4 / width) + digamma(alive / 2))))


def variance_map(variance: float, gain: float, activation: Callable[[Array], Array]) -> float:
    """Variance of the next layer's linear outputs, q' = n Var(w) E[φ(√q z)²] with z ~ N(0, 1), in wide nets.

    Args:
        variance: q, of this layer's.
        gain: n Var(w), fan-in times the variance of a weight: 2 for He, 1 for LeCun, and for Glorot at equal widths.
        activation: φ, elementwise; no bias.

    >>> from jaxmlp.nn.activations import relu
    >>> round(variance_map(3.0, 2.0, relu), 6), round(variance_map(3.0, 1.0, relu), 6)
    (3.0, 1.5)
    """
    return gain * _normal_mean(lambda z: jnp.square(activation(math.sqrt(variance) * z)))


def gradient_gain(variance: float, gain: float, activation: Callable[[Array], Array]) -> float:
    """χ = n Var(w) E[φ'(√q z)²]: what a layer multiplies the squared gradient by, in wide nets (Poole et al. 2016).

    Below 1 gradients vanish with depth and inputs become alike, above 1 gradients explode; arguments as for
    `variance_map`. 1 for ReLU with He's start; at most gain/16 for sigmoid.
    """
    slope = jax.vmap(jax.grad(activation))
    return gain * _normal_mean(lambda z: jnp.square(slope(math.sqrt(variance) * z)))


def depth_scale(chi: float) -> float:
    """ξ = −1/ln χ layers: nets of up to about 6 ξ train (Schoenholz et al. 2017); infinite at χ = 1.

    Args:
        chi: from `gradient_gain` at the variance that the layers tend to, in (0, 1].

    Raises:
        InputError: another χ: gradients that explode have no such depth.
    """
    if not 0 < chi <= 1:
        raise InputError(f"chi is {chi:g}: give a number above 0 and at most 1")
    return math.inf if chi == 1 else -1 / math.log(chi)


def relu_correlation(correlation: float, layers: int = 1) -> float:
    """Cosine of two inputs' values behind so many layers of ReLU, in wide nets without bias: the arc-cosine map.

    c' = (√(1 − c²) + (π − arccos c) c)/π; it tends to 1 with depth, whatever the weights' scale (C-015, C-035).

    >>> round(relu_correlation(0.0), 3), round(relu_correlation(0.0, 41), 3)
    (0.318, 0.983)
    """
    for _ in range(layers):
        c = min(1.0, max(-1.0, correlation))
        correlation = (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi
    return correlation


def born_dead(widths: Sequence[int]) -> float:
    """Share of starts for which one input finds a hidden layer of ReLU with no unit alive: 1 − Π(1 − 2^−n).

    Conditions: weights symmetric about 0, no bias or one of 0, no norm, no skips (Lu et al. 2019).

    Args:
        widths: of the hidden layers.

    >>> round(born_dead([2, 2]), 4)
    0.4375
    """
    return 1 - math.prod(1 - 2.0**-width for width in widths)


def stability_edge(learning_rate: float, momentum: float = 0.0) -> float:
    """(2 + 2m)/η: the sharpness above which full-batch gradient descent with heavy ball oscillates (Cohen et al. 2021).

    With squared error the largest eigenvalue climbs there and stays; with cross-entropy it falls again late.

    >>> round(stability_edge(0.1)), round(stability_edge(0.1, momentum=0.9))
    (20, 38)
    """
    return (2 + 2 * momentum) / learning_rate


def adaptive_edge(learning_rate: float, beta1: float = 0.9) -> float:
    """(2 + 2β₁)/((1 − β₁) η): the same for the largest eigenvalue of P⁻¹H under full-batch Adam (Cohen et al. 2022).

    P is `jaxmlp.probes.curvature.adam_preconditioner`.

    >>> round(adaptive_edge(1e-3))
    38000
    """
    return (2 + 2 * beta1) / ((1 - beta1) * learning_rate)


def accuracy_noise(error: float, examples: int) -> float:
    """√(error/(2 n)): about the standard deviation of the test accuracy between runs of one recipe (Jordan 2024).

    Args:
        error: test error, a share.
        examples: n, of the test part.

    >>> round(accuracy_noise(0.025, 10_000), 4)
    0.0011
    """
    return math.sqrt(error / (2 * examples))


def initial_cross_entropy(classes: int, logit_variance: float = 0.0) -> float:
    """ln K + ½ v (1 − 1/K): the cross-entropy of logits that know nothing, independent with variance v up to about 1.

    >>> round(initial_cross_entropy(10), 3)
    2.303
    """
    return math.log(classes) + logit_variance / 2 * (1 - 1 / classes)


def _normal_mean(f: Callable[[Array], Array]) -> float:
    """E[f(z)], z ~ N(0, 1), by Gauss and Legendre on [−12, 0] and [0, 12]."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    z = 6 * (nodes + 1)
    values = sum(np.asarray(f(jnp.asarray(side)), float) for side in (z, -z))
    return float(np.sum(6 * weights * values * np.exp(-(z**2) / 2)) / math.sqrt(2 * math.pi))
