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

from jaxmlp.errors import InputError

BATCH_NORM_GROWTH = math.pi / (math.pi - 1)
"""1.467, by which the squared gradient of ReLU and batch norm grows per layer towards the input, at any start, in wide
nets and large batches: (½)/Var(ReLU(z)) (Yang et al. 2019). D0's order, norm behind the activation, has the same."""

NODES = 200
"""Of the quadrature on either side of 0, where activations may have a kink."""


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
