"""Curvature of a loss: the Hessian's ends and size, and the sharpness along the gradient (C-019, C-023).

The loss is any function of the parameters alone: `jaxmlp.probes.losses.net_loss` makes one of a net, rows and a mode.
Training and evaluation mode are different functions, and so are two batch sizes in training mode.

Products with the Hessian are H v = ∂⟨∇L, v⟩/∂θ, reverse over reverse: the hand-written backward rules are
differentiated by JAX. Forward over reverse is not to be had: `jax.custom_vjp` has no forward derivative. Curvature
counts only what is smooth: of ReLU's kinks it sees nothing.

Behind batch norm, in training mode, raw curvature falls as 1/norm² of the filters while the function stays the same.
Give `filter_preconditioner(params)`: the eigenvalues are then those for moves relative to each filter's norm, which
do not change with the scale.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from jaxmlp.nn import Params
from jaxmlp.probes.filters import filter_norms
from jaxmlp.probes.spectrum import Estimate, Extremes, Product, extreme_eigenvalues, trace_and_frobenius

LossFunction = Callable[[Any], Array]
"""From parameters, a pytree of arrays of one floating dtype, to a scalar."""


def hessian_product(loss: LossFunction, params: Any) -> tuple[Product, Array]:
    """Products with the Hessian of a loss, on flat vectors.

    Args:
        loss: of the parameters.
        params: θ, where.

    Returns:
        (v [N] -> H v [N], θ as a flat vector [N], in the order of `jax.flatten_util.ravel_pytree`).

    >>> product, flat = hessian_product(lambda x: jnp.sum(x**3), jnp.array([1.0, 2.0]))
    >>> product(jnp.ones(2)).tolist()
    [6.0, 12.0]
    """
    flat, unravel = ravel_pytree(params)
    # The Jacobian of the gradient is symmetric, so its transpose product is the product.
    pull = jax.vjp(jax.grad(lambda x: loss(unravel(x))), flat)[1]
    return lambda vector: pull(vector)[0], flat


def hessian_extremes(
    loss: LossFunction, params: Any, key: Array, *, steps: int = 10, preconditioner: Any | None = None
) -> Extremes:
    """Largest and smallest eigenvalue of the Hessian H, or of P⁻¹H, by Lanczos.

    Args:
        loss: of the parameters.
        params: θ, where.
        key: draws the start.
        steps: products to make, each about the time of two gradients; 10 give the largest eigenvalue of most nets to a
            percent, `largest_error` says how well. Memory: as many vectors of parameters.
        preconditioner: P, a pytree like `params`, positive; infinite where a parameter shall stay. With
            `adam_preconditioner` the largest is the sharpness that Adam sees, to be compared with
            `jaxmlp.probes.laws.adaptive_edge`; with `filter_preconditioner` the scale of filters drops out.

    Returns:
        `Extremes`; with P those of P^(−½) H P^(−½), whose eigenvalues are those of P⁻¹H.

    Raises:
        InputError: steps that are no positive integer.

    >>> ends = hessian_extremes(lambda x: 3 * x[0] ** 2 - x[1] ** 2, jnp.ones(2), jax.random.key(0), steps=2)
    >>> round(float(ends.smallest), 3), round(float(ends.largest), 3)
    (-2.0, 6.0)
    """
    product, flat = hessian_product(loss, params)
    start = jax.random.normal(jax.random.fold_in(key, 0), flat.shape, flat.dtype)
    if preconditioner is not None:
        root = jax.lax.rsqrt(ravel_pytree(preconditioner)[0])
        start, plain = jnp.where(root > 0, start, jnp.zeros_like(start)), product
        product = lambda vector: root * plain(root * vector)  # noqa: E731
    return extreme_eigenvalues(product, start, jax.random.fold_in(key, 1), steps=steps)


def hessian_size(loss: LossFunction, params: Any, key: Array, *, draws: int = 10) -> tuple[Estimate, Estimate]:
    """Trace and Frobenius norm of the Hessian, each with its standard error, by Hutchinson.

    Args:
        loss: of the parameters.
        params: θ, where.
        key: draws the signs.
        draws: products to make.

    Returns:
        (tr H, ‖H‖_F).

    Raises:
        InputError: draws that are no positive integer.

    >>> trace, norm = hessian_size(lambda x: 1.5 * x[0] ** 2 + 2 * x[1] ** 2, jnp.ones(2), jax.random.key(0), draws=2)
    >>> float(trace.value), float(norm.value)  # of diag(3, 4)
    (7.0, 5.0)
    """
    product, flat = hessian_product(loss, params)
    return trace_and_frobenius(product, flat, key, draws=draws)


def gradient_sharpness(loss: LossFunction, params: Any) -> Array:
    """Curvature along the gradient, gᵀHg/gᵀg.

    Of a batch's loss this is what a step of gradient descent on the batch meets: the loss falls by η gᵀg − ½ η² gᵀHg,
    so it rises where this is above 2/η. Its mean over batches, not the largest eigenvalue, is what mini-batch training
    holds at about 2/η (Andreyev and Beneventano 2024).

    Args:
        loss: of the parameters.
        params: θ, where.

    Returns:
        Scalar; NaN where the gradient is 0.

    >>> float(gradient_sharpness(lambda x: x[0] ** 2 + 3 * x[1] ** 2, jnp.array([0.0, 1.0])))
    6.0
    """
    gradient, _ = ravel_pytree(jax.grad(loss)(params))
    product, _ = hessian_product(loss, params)
    unit = gradient / jnp.linalg.norm(gradient)
    return unit @ product(unit)


def adam_preconditioner(
    second_moment: Any, step: Array | int, *, beta1: Array | float, beta2: Array | float, eps: Array | float
) -> Any:
    """P of Adam's step θ ← θ − η P⁻¹m: (1 − β₁ᵗ)(√(v/(1 − β₂ᵗ)) + ε) (Cohen et al. 2022).

    Args:
        second_moment: v after the step t, a pytree like the parameters.
        step: t, at least 1.
        beta1: β₁ of the run.
        beta2: β₂ of the run.
        eps: ε of the run, above 0 where v may be 0.

    Returns:
        A pytree like `second_moment`.

    >>> second_moment = jnp.array([0.25])  # after one step with β₂ = 0.75 of a gradient of 1
    >>> adam_preconditioner(second_moment, 1, beta1=0.5, beta2=0.75, eps=0.0).tolist()  # (1 − 0.5) √1
    [0.5]
    """
    t = jnp.asarray(step, float)
    first, second = (1 - jnp.asarray(beta, float) ** t for beta in (beta1, beta2))

    def entry(v: Array) -> Array:
        return first.astype(v.dtype) * (jnp.sqrt(v / second.astype(v.dtype)) + jnp.asarray(eps, v.dtype))

    return jax.tree.map(entry, second_moment)


def filter_preconditioner(params: Params) -> Params:
    """P = 1/‖filter‖² at every weight and infinite at all else: curvature for moves relative to each filter's norm.

    Behind batch norm in training mode (and ε of no weight) the eigenvalues do not change when filters are rescaled.

    >>> params = ({"weight": jnp.array([[3.0, 4.0]]), "bias": jnp.ones(1)},)
    >>> p = filter_preconditioner(params)[0]
    >>> float(25 * p["weight"][0, 1]), p["bias"].tolist()  # 1/5² at every weight of the filter
    (1.0, [inf])
    """
    return jax.tree.map(lambda norm: 1 / jnp.square(norm), filter_norms(params))
