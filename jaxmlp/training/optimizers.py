"""Optimizers on optax, built inside the traced function from traced numbers.

A table entry turns gradients into a step of unit rate; `update` multiplies it by −learning_rate, so a
schedule never hides inside an optimizer's own counter.
"""

from collections.abc import Callable
from typing import Any

import jax
import optax
from jax import Array

OPTIMIZERS: dict[str, Callable[[Any], optax.GradientTransformation]] = {
    # S-070: Adam with bias correction, ε outside the root.
    "adam": lambda hyper: optax.scale_by_adam(b1=hyper.beta1, b2=hyper.beta2, eps=hyper.adam_eps),
    # S-071, S-076: θ ← θ − η g.
    "sgd": lambda hyper: optax.identity(),
}


def init_optimizer(name: str, hyper: Any, params: Any) -> optax.OptState:
    """The optimizer's state before the first step, for parameters of any structure."""
    return OPTIMIZERS[name](hyper).init(params)


def update(
    name: str, hyper: Any, learning_rate: Array | float, grads: Any, opt_state: optax.OptState, params: Any
) -> tuple[Any, optax.OptState]:
    """One step θ ← θ − η · direction(g).

    Args:
        name: a key of `OPTIMIZERS`.
        hyper: the run's numbers.
        learning_rate: η of this step.
        grads: the gradient, same structure as `params`.
        opt_state: from `init_optimizer` or the last `update`.
        params: θ.

    Returns:
        (new params, new opt_state), structures and dtypes unchanged.
    """
    # optax mixes its int32 count with float32 moments, which strict promotion forbids.
    with jax.numpy_dtype_promotion("standard"):
        direction, opt_state = OPTIMIZERS[name](hyper).update(grads, opt_state, params)
        params = jax.tree.map(lambda p, d: (p - learning_rate * d).astype(p.dtype), params, direction)
    return params, opt_state
