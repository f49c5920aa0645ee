"""Learning-rate schedules: a factor of the step, times `Hyper.learning_rate`."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array


def constant(step: Array) -> Array:
    """The factor 1 at every step."""
    return jnp.ones_like(step, dtype=jnp.float32)


SCHEDULES: dict[str, Callable[[Array], Array]] = {
    "constant": constant,
}
