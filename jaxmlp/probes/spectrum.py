"""Eigenvalues, trace and Frobenius norm of a symmetric matrix that is known by its products with vectors alone.

Lanczos builds an orthonormal basis q_1 … q_k of the space of v, Av, A²v, …, and the tridiagonal matrix T of A in it:

    A q_i = β_{i−1} q_{i−1} + α_i q_i + β_i q_{i+1}

The largest and smallest eigenvalue of T approach those of A long before k is the matrix's size. In float32 the q_i lose
their orthogonality, and copies of an eigenvalue appear: so every new q is made orthogonal to all earlier ones, twice.

Hutchinson: for v of independent signs ±1, the mean of vᵀAv is tr A, and the mean of ‖Av‖² is ‖A‖_F².
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.errors import check_count

Product = Callable[[Array], Array]
"""v [N] -> A v [N], of a symmetric matrix A."""


class Extremes(NamedTuple):
    """The two ends of a spectrum, each with an error bound: an eigenvalue lies within that distance.

    >>> ends = extreme_eigenvalues(lambda v: jnp.array([1.0, 3.0]) * v, jnp.ones(2), jax.random.key(0), steps=2)
    >>> round(float(ends.largest), 4), jnp.abs(ends.largest_vector).round(3).tolist()
    (3.0, [0.0, 1.0])
    """

    smallest: Array
    largest: Array
    smallest_error: Array
    """‖A y − θ y‖ of the value θ and its unit vector y, scalar: it bounds the distance to the nearest eigenvalue."""
    largest_error: Array
    largest_vector: Array
    """The unit vector of the largest, [N]; its sign is arbitrary."""


class Estimate(NamedTuple):
    """A mean over random draws, and its standard error.

    >>> trace, _ = trace_and_frobenius(lambda v: 2.0 * v, jnp.ones(3), jax.random.key(0), draws=2)
    >>> float(trace.value), float(trace.error)  # 2 I of three rows: every draw is exact
    (6.0, 0.0)
    """

    value: Array
    error: Array


def extreme_eigenvalues(product: Product, start: Array, key: Array, *, steps: int) -> Extremes:
    """Largest and smallest eigenvalue by Lanczos with full reorthogonalization.

    Args:
        product: v [N] -> A v [N].
        start: the first vector, [N], not 0; random ones have a part in every direction.
        key: draws a new direction where the vectors so far span all that products can reach.
        steps: k, products to make; at most N are of use, so no more are made.

    Returns:
        `Extremes` in the dtype of `start`. Memory: k vectors. NaN where a product has NaN.

    Raises:
        InputError: steps that are no positive integer.

    >>> matrix = jnp.diag(jnp.array([-1.0, 0.5, 3.0]))
    >>> ends = extreme_eigenvalues(lambda v: matrix @ v, jnp.ones(3), jax.random.key(0), steps=3)
    >>> [round(float(value), 4) for value in ends[:2]]
    [-1.0, 3.0]
    """
    check_count("steps", steps)
    steps = min(steps, start.size)
    basis, alphas, betas = _lanczos(product, start, key, steps)
    tridiagonal = jnp.diag(alphas) + jnp.diag(betas[:-1], 1) + jnp.diag(betas[:-1], -1)
    values, vectors = jnp.linalg.eigh(tridiagonal)
    errors = jnp.abs(betas[-1] * vectors[-1])
    return Extremes(values[0], values[-1], errors[0], errors[-1], vectors[:, -1] @ basis)


def _lanczos(product: Product, start: Array, key: Array, steps: int) -> tuple[Array, Array, Array]:
    """(basis [k, N], α [k], β [k]); the last β is that to the vector that would follow."""

    def step(carry: tuple[Array, Array, Array], i: Array) -> tuple[tuple[Array, Array, Array], tuple[Array, Array]]:
        basis, current, size = carry
        basis = basis.at[i].set(current)
        image = product(current)
        alpha = image @ current
        rest = _orthogonal(image, basis)
        beta = jnp.linalg.norm(rest)
        size = jnp.maximum(size, jnp.abs(alpha) + beta)
        # Nothing but rounding is left: the space is closed under A, and the search goes on in another direction.
        closed = beta <= 10 * jnp.finfo(rest.dtype).eps * size
        fresh = _orthogonal(jax.random.normal(jax.random.fold_in(key, i), rest.shape, rest.dtype), basis)
        following = jnp.where(closed, fresh, rest)
        return (basis, _unit(following), size), (alpha, jnp.where(closed, jnp.zeros_like(beta), beta))

    empty = jnp.zeros((steps, start.size), start.dtype)
    carry = (empty, _unit(start), jnp.zeros((), start.dtype))
    (basis, _, _), (alphas, betas) = lax.scan(step, carry, jnp.arange(steps))
    return basis, alphas, betas


def _orthogonal(vector: Array, basis: Array) -> Array:
    """The part of a vector that is orthogonal to the rows of `basis`; once leaves rounding behind, twice is enough."""
    for _ in range(2):
        vector = vector - (basis @ vector) @ basis
    return vector


def _unit(vector: Array) -> Array:
    return vector / jnp.linalg.norm(vector)


def trace_and_frobenius(product: Product, like: Array, key: Array, *, draws: int) -> tuple[Estimate, Estimate]:
    """Trace and Frobenius norm by Hutchinson's estimator, from the same products.

    Args:
        product: v [N] -> A v [N].
        like: [N], says size and dtype.
        key: draws the signs.
        draws: products to make, at least 2; the error falls as 1/√draws.

    Returns:
        (tr A, ‖A‖_F), each with its standard error. A trace of a diagonal matrix is exact: its error is 0. The error
        of the norm is that of its square, divided by twice the norm; the norm's square has no bias, its root a small
        one downwards.

    Raises:
        InputError: draws that are no positive integer.

    >>> trace, norm = trace_and_frobenius(lambda v: jnp.array([3.0, 4.0]) * v, jnp.ones(2), jax.random.key(0), draws=2)
    >>> float(trace.value), float(norm.value)
    (7.0, 5.0)
    """
    check_count("draws", draws)

    def draw(i: Array) -> tuple[Array, Array]:
        signs = jax.random.rademacher(jax.random.fold_in(key, i), like.shape, like.dtype)
        image = product(signs)
        return signs @ image, image @ image

    traces, squares = lax.map(draw, jnp.arange(draws))
    square = _mean(squares)
    norm = jnp.sqrt(square.value)
    error = jnp.where(norm > 0, square.error / jnp.where(norm > 0, 2 * norm, 1.0), square.error)
    return _mean(traces), Estimate(norm, error)


def _mean(samples: Array) -> Estimate:
    """Of [D]; the error of one sample is NaN: nothing says how it varies."""
    return Estimate(jnp.mean(samples), jnp.std(samples, ddof=1) / jnp.sqrt(jnp.asarray(samples.size, samples.dtype)))
