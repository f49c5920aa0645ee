"""Numbers that say how a signal stands at one layer, of its values y [B, C] for B rows and C units (S-093).

All but the mean and the standard deviation do not depend on the scale of y, and are computed of y divided by its
largest absolute value: a net that explodes is seen as long as its values are finite, its squares need not be.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from scipy.special import ndtri

from jaxmlp.errors import check_choice
from jaxmlp.nn import predicted_classes

SATURATED = 0.05
"""A sigmoid or tanh is saturated where its derivative is below this share of its largest."""

_QUANTILES = 32
"""Distributions are compared at the normal's k/32 quantiles, 0 < k < 32."""


def largest_scaled(y: Array) -> tuple[Array, Array]:
    """(y divided by its largest absolute value, that value); y itself and 1 where all are 0."""
    largest = jnp.max(jnp.abs(y))
    largest = jnp.where(largest > 0, largest, jnp.ones_like(largest))
    return y / largest, largest


def standard_deviation(y: Array) -> Array:
    """Of all values together, a scalar; its square is the variance, and may leave the floats where this does not."""
    y, scale = largest_scaled(y)
    return scale * jnp.std(y)


def excess_kurtosis(y: Array) -> Array:
    """E[(y − μ)⁴]/σ⁴ − 3 of all values together: 0 for normal ones, −1.2 for uniform ones; NaN where all are equal."""
    z = _standardized(y)
    return jnp.mean(jnp.square(jnp.square(z))) - 3


def distance_from_normal(y: Array) -> Array:
    """Largest difference between the distribution of all values, standardized, and N(0, 1) (Kolmogorov, Smirnov).

    Returns:
        Scalar in [0, 1], NaN where all values are equal. It is looked at in 31 quantiles of the normal instead of in
        all values, which would have to be sorted: so the distance is at most 1/32 larger.
    """
    z = _standardized(y)
    shares = np.arange(1, _QUANTILES) / _QUANTILES
    quantiles, shares = (jnp.asarray(numbers, y.dtype) for numbers in (ndtri(shares), shares))
    # One quantile after another: all together they fill memory, and take several times as long.
    below = lax.map(lambda quantile: jnp.mean(z <= quantile, dtype=y.dtype), quantiles)
    return jnp.where(jnp.isnan(z[0, 0]), jnp.nan, jnp.max(jnp.abs(below - shares)))


def unit_correlation(y: Array) -> Array:
    """Mean absolute correlation of two units over the rows; units that are constant are left out.

    Returns:
        Scalar in [0, 1], NaN with fewer than two units that vary. About √(2/(πB)) for independent units.
    """
    covariance = _covariance(y)
    deviation = jnp.sqrt(jnp.diag(covariance))
    varies = deviation > 0
    scaled = (
        covariance / jnp.where(varies, deviation, jnp.inf)[:, None] / jnp.where(varies, deviation, jnp.inf)[None, :]
    )
    count = jnp.sum(varies, dtype=y.dtype)
    return (jnp.sum(jnp.abs(scaled)) - count) / (count * (count - 1))


def input_correlation(y: Array) -> Array:
    """Mean correlation of two inputs: the cosine of their values, over all pairs of rows that are not all 0 (C-035).

    Returns:
        Scalar, 1 where all rows point in one direction; NaN with fewer than two rows that are not 0. Not centred: with
        depth it tends to 1 in nets of ReLU, by the arc-cosine map.
    """
    norms = jnp.linalg.norm(largest_scaled(y)[0], axis=1)
    alive = norms > 0
    units = largest_scaled(y)[0] / jnp.where(alive, norms, jnp.inf)[:, None]
    count = jnp.sum(alive, dtype=y.dtype)
    return (jnp.sum(jnp.square(jnp.sum(units, axis=0))) - count) / (count * (count - 1))


def effective_rank(y: Array) -> Array:
    """(tr C)²/tr C² of the covariance C of the units: C for equal independent ones, 1 where one direction is all.

    Returns:
        Scalar of at most min(B − 1, C); 0 where no unit varies.
    """
    covariance = _covariance(y)
    total = jnp.sum(jnp.square(covariance))
    rank = jnp.square(jnp.trace(covariance)) / jnp.where(total == 0, jnp.ones_like(total), total)
    return jnp.where(total == 0, jnp.zeros_like(rank), rank)


def zero_share(y: Array) -> Array:
    """Share of values that are exactly 0, a scalar."""
    return jnp.mean(y == 0, dtype=y.dtype)


def dead_unit_share(y: Array) -> Array:
    """Share of units that are exactly 0 for all rows: of a ReLU, those that no gradient of these rows reaches."""
    return jnp.mean(jnp.all(y == 0, axis=0), dtype=y.dtype)


def dead_row_share(y: Array) -> Array:
    """Share of rows for which all units are exactly 0: what lies before the layer learns nothing from them."""
    return jnp.mean(jnp.all(y == 0, axis=1), dtype=y.dtype)


def saturated_share(y: Array, activation: str) -> Array:
    """Share of a sigmoid's or tanh's values where its derivative is below 5 % of its largest (S-050, S-051).

    Args:
        y: what the activation gives.
        activation: `sigmoid`, where that is |x| > 4.36, or `tanh`, where it is |x| > 2.18.

    Returns:
        Scalar in [0, 1].

    Raises:
        InputError: another activation.
    """
    check_choice("activation that saturates", activation, ("sigmoid", "tanh"))
    slope = 4 * y * (1 - y) if activation == "sigmoid" else (1 - y) * (1 + y)
    return jnp.mean(slope < SATURATED, dtype=y.dtype)


def distinct_rows(y: Array, resolution: Array | float) -> Array:
    """How many different rows there are, as int32, when every value is rounded to a multiple of `resolution` > 0.

    >>> int(distinct_rows(jnp.array([[0.0, 1.0], [0.0, 1.01], [0.0, 2.0]]), 0.1))
    2
    """
    cells = jnp.round(y / jnp.asarray(resolution, y.dtype))
    ordered = cells[jnp.lexsort(cells.T)]
    return 1 + jnp.sum(jnp.any(ordered[1:] != ordered[:-1], axis=1), dtype=jnp.int32)


def count_predicted_classes(outputs: Array, output: str = "none") -> Array:
    """How many of the K classes are the answer for at least one row, as int32; a single output has two classes.

    Args:
        outputs: [B, K], or [B, 1].
        output: what they went through, as for `nn.predicted_classes`.

    >>> int(count_predicted_classes(jnp.array([[-1.0], [2.0], [3.0]])))
    2
    """
    answers = jax.nn.one_hot(predicted_classes(outputs, output), max(2, outputs.shape[1]), dtype=bool)
    return jnp.sum(jnp.any(answers, axis=0), dtype=jnp.int32)


def _standardized(y: Array) -> Array:
    """NaN where all values are equal."""
    y, _ = largest_scaled(y)
    centred = y - jnp.mean(y)
    varies = jnp.max(y) > jnp.min(y)
    return jnp.where(varies, centred / jnp.std(y), jnp.nan)


def _covariance(y: Array) -> Array:
    """[C, C], of y divided by its largest absolute value."""
    y, _ = largest_scaled(y)
    constant = jnp.max(y, axis=0) == jnp.min(y, axis=0)
    centred = jnp.where(constant[None, :], jnp.zeros_like(y), y - jnp.mean(y, axis=0)[None, :])
    return lax.dot_general(centred, centred, (((0,), (0,)), ((), ())), precision="highest") / y.shape[0]
