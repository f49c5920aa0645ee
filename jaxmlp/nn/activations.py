"""Activations: one table, from the name a spec uses to the function.

Adding one is adding one entry; specs, the command line and the contract tests read the table.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array


def relu(x: Array) -> Array:
    """max(0, x), elementwise; derivative 1 for x > 0 and 0 for x <= 0, the kink included (S-052)."""
    # where, not maximum: JAX gives maximum the derivative ½ at the kink.
    return jnp.where(x > 0, x, jnp.zeros_like(x))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": relu,
}
