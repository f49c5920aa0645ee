"""Rules with their second moment held: from an epoch on, each number's step size no longer follows its gradients.

Adam is then momentum with a fixed diagonal in front, so that what the moving v did to a run shows by its absence:

    adam, adamw   v̂ ← v/(1 − β₂ᵗ) once, at the hold;   m ← β₁m + (1 − β₁)g;   d = m/(1 − β₁ᵗ) / (√v̂ + ε)
    adam_nobc                                           the same m;            d = m/(√v + ε)
    rmsprop, adagrad                                                           d = g/(√c + ε)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxmlp.training.hyper import Hyper


class HeldRule(NamedTuple):
    """How an optimizer goes on with the second moment that it has."""

    update: Callable[[Hyper], optax.TransformUpdateFn]
    """From a run's numbers to optax's `update`, of the state of `Optimizer.make`'s rule."""
    hold: Callable[[Hyper, Any], Any] = lambda hyper, state: state
    """The state that `update` goes on with, from the one at the hold and the numbers until then."""


def hold_corrected(hyper: Hyper, state: optax.ScaleByAdamState) -> optax.ScaleByAdamState:
    """Adam's state with v̂ in place of v: a correction that went on would move what is held."""
    beta2 = jnp.asarray(hyper.beta2, float)
    return state._replace(nu=optax.tree.bias_correction(state.nu, beta2, state.count))


def by_held(eps: Array | float) -> optax.TransformUpdateFn:
    """d = g/(√c + ε), of a state whose last part is c."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return _divided(updates, state[-1], eps), state

    return update


def adam_by_held(beta1: Array | float, eps: Array | float, *, corrected: bool) -> optax.TransformUpdateFn:
    """Adam's m, its start corrected or not, over √v + ε."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        mean = optax.tree.update_moment(updates, state.mu, beta1, 1)
        if not corrected:
            return _divided(mean, state.nu, eps), state._replace(mu=mean)
        count = optax.safe_increment(state.count)
        direction = _divided(optax.tree.bias_correction(mean, beta1, count), state.nu, eps)
        return direction, state._replace(mu=mean, count=count)

    return update


def _divided(tree: Any, square: Any, eps: Array | float) -> Any:
    return jax.tree.map(lambda leaf, v: leaf / (jnp.sqrt(v) + eps), tree, square)
