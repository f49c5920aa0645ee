"""Penalties R(W): the objective is mean loss + λ R(W) (S-063, S-067, S-068).

For l2 the gradient is 2λW, so with plain or momentum SGD, λ gives the iterates of a weight decay of 2λ (C-308); with
Adam it does not give AdamW's. As shipped, D4 adds λ times the *number* of weights over the batch size to the loss, and
divides the gradient by the batch size too (S-069); every reported run has λ = 0, and the sound form stands here.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array


def l1(weights: Sequence[Array]) -> Array:
    """Σ |w|, over all weights (S-067, p = 1); derivative 0 at 0."""
    # JAX gives abs the derivative 1 at 0; a constant sign gives it 0.
    return jnp.sum(jnp.stack([jnp.sum(weight * jax.lax.stop_gradient(jnp.sign(weight))) for weight in weights]))


def l2(weights: Sequence[Array]) -> Array:
    """Σ w², over all weights (S-063, S-067, S-068): squared, and without a factor ½."""
    return jnp.sum(jnp.stack([jnp.sum(jnp.square(weight)) for weight in weights]))


def l2_norm(weights: Sequence[Array]) -> Array:
    """√Σ w², the unsquared norm of all weights as one vector (S-068's variant); gradient W/‖W‖, and 0 at W = 0."""
    square = l2(weights)
    # The inner where keeps the root's infinite derivative at 0 out of the branch that is not taken.
    # Both ask for <= 0, which is false for NaN: NaN stays NaN.
    root = jnp.sqrt(jnp.where(square <= 0, jnp.ones_like(square), square))
    return jnp.where(square <= 0, jnp.zeros_like(square), root)


PENALTIES: dict[str, Callable[[Sequence[Array]], Array]] = {
    "l1": l1,
    "l2": l2,
    "l2_norm": l2_norm,
}
