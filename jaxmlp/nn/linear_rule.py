"""The linear layer y = x Aᵀ + b and its hand-derived backward rule (S-020, S-021).

Derivation. With g = ∂L/∂y [B, O] and y_bo = Σ_i x_bi A_oi + b_o, the chain rule gives

    ∂L/∂x_bi = Σ_o g_bo A_oi      ->  dx = g A     [B, I]
    ∂L/∂A_oi = Σ_b g_bo x_bi      ->  dA = gᵀ x    [O, I]
    ∂L/∂b_o  = Σ_b g_bo           ->  db = Σ_b g   [O]

The weight is stored [O, I], the documents' layout, so that dA comes out of gᵀx without a transpose.

dA needs x, so training keeps every layer's input until its backward pass: B Σ I numbers, D4's switch "record gradients"
turned on. A forward pass that nobody differentiates runs the rule without its residuals, and needs no switch: what is
live is one layer's input and output, however deep the net (S-120).
"""

from functools import partial

import chex
import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.errors import check_choice
from jaxmlp.nn.tiny_products import is_tiny, summed_product

PRECISIONS = ("float32", "tf32", "bfloat16")
"""How the three products are computed: `float32` true float32 everywhere (GPUs included), `tf32` the
hardware's fast float32 (TF32 on NVIDIA GPUs, float32 on CPUs), `bfloat16` operands rounded to bfloat16 and
accumulated in float32. Operands wider than float32 are kept as they are by the first two."""

BACKWARDS = ("manual", "autodiff", "d4_shipped")
"""`manual` runs the rules written in this package, `autodiff` JAX's own: the twin to check against (S-096).
`d4_shipped` is `manual` with the faulty batch norm rule of D4's program (S-030), kept to measure what the fault did."""


def linear(
    weight: Array,
    bias: Array | None,
    x: Array,
    *,
    precision: str = "float32",
    backward: str = "manual",
) -> Array:
    """Affine map y = x Aᵀ + b of a batch of rows.

    Args:
        weight: A, [O, I].
        bias: b, [O], or None for a layer without bias (S-022).
        x: [B, I].
        precision: one of `PRECISIONS`; applies to all three products (y, dx, dA).
        backward: one of `BACKWARDS`.

    Returns:
        y, [B, O], in the dtype of `x`.

    Raises:
        InputError: unknown `precision` or `backward`.

    >>> linear(jnp.array([[1.0, 2.0]]), jnp.array([0.5]), jnp.array([[3.0, 4.0]])).tolist()  # 1·3 + 2·4 + 0.5
    [[11.5]]
    """
    check_choice("precision", precision, PRECISIONS)
    check_choice("backward", backward, BACKWARDS)
    rule = _linear_forward if backward == "autodiff" else _linear
    return rule(weight, bias, x, precision)


def product(a: Array, b: Array, axis_a: int, axis_b: int, precision: str) -> Array:
    """Contract `axis_a` of matrix `a` with `axis_b` of `b`, in one of `PRECISIONS`; the free axes stay in order."""
    if is_tiny(a, b, axis_b):
        return summed_product(a, b, axis_a, axis_b, precision)
    dims = (((axis_a,), (axis_b,)), ((), ()))
    if precision == "bfloat16":
        y = lax.dot_general(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16), dims, preferred_element_type=jnp.float32)
        return y.astype(a.dtype)
    level = lax.Precision.HIGHEST if precision == "float32" else lax.Precision.DEFAULT
    return lax.dot_general(a, b, dims, precision=level)


def _linear_forward(weight: Array, bias: Array | None, x: Array, precision: str) -> Array:
    chex.assert_rank([weight, x], 2)
    y = product(x, weight, 1, 1, precision)
    return y if bias is None else y + bias[None, :]


_linear = partial(jax.custom_vjp, nondiff_argnums=(3,))(_linear_forward)


def _linear_fwd(weight, bias, x, precision):
    # Through the rule itself, not its forward: second derivatives use the rule too, and it shows in a jaxpr.
    return _linear(weight, bias, x, precision), (weight, bias is None, x)


def _linear_bwd(precision, residuals, g):
    weight, without_bias, x = residuals
    dx = product(g, weight, 1, 0, precision)
    d_weight = product(g, x, 0, 0, precision)
    d_bias = None if without_bias else jnp.sum(g, axis=0)
    return d_weight, d_bias, dx


_linear.defvjp(_linear_fwd, _linear_bwd)
