"""How a start carries the variance of pre-activations from layer to layer, before any training (S-041 to S-045).

Nets of equal layers, biases as the start has them, inputs from N(0, 1). A net's number is the slope of the natural
logarithm of the variance against the layer: 0 keeps it, ln ½ = −0.69 halves it in every layer.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from experiments.measured import Finished, Measurement
from jaxmlp.nn import ACTIVATIONS, INITIALIZERS, linear
from jaxmlp.nn.initializers import init_linear

WIDTH, DEPTH, IMAGES, NETS = 256, 30, 256, 100
"""Deeper, the variance of N(0, 1) would leave the floats."""
DRAWN = 10
"""Nets whose every layer is kept, for the figure."""

# Where all layers are equal, Xavier's variance 2/(fan_in + fan_out) is that of 1/√n.
STARTS: dict[str, tuple[str, float, str]] = {
    "start_randn_relu": ("randn", 1.0, "relu"),
    "start_normal_0.01_relu": ("normal", 0.01, "relu"),
    "start_lecun_relu": ("lecun_normal", 1.0, "relu"),
    "start_he_relu": ("he_normal", 1.0, "relu"),
    "start_randn_tanh": ("randn", 1.0, "tanh"),
    "start_normal_0.01_tanh": ("normal", 0.01, "tanh"),
    "start_xavier_tanh": ("xavier_normal", 1.0, "tanh"),
}
"""By arm: initializer, gain, activation."""


def log_variances(seed: Array, initializer: str, gain: float, activation: str) -> Array:
    """Natural logarithm of the variance of every layer's pre-activations, [DEPTH], of one net."""
    key = jax.random.key(seed)

    def layer(x: Array, number: Array) -> tuple[Array, Array]:
        params = init_linear(key, INITIALIZERS[initializer], number, WIDTH, WIDTH, gain, bias=True)
        y = linear(params["weight"], params["bias"], x)
        largest = jnp.max(jnp.abs(y))  # the square of a large pre-activation would leave the floats
        return ACTIVATIONS[activation].function(y), 2 * jnp.log(largest) + jnp.log(jnp.var(y / largest))

    inputs = jax.random.normal(jax.random.fold_in(key, DEPTH), (IMAGES, WIDTH))
    return jax.lax.scan(layer, inputs, jnp.arange(DEPTH))[1]


def _profiles(finished: Finished) -> pd.DataFrame:
    """One row per layer of the first nets, with the layer for its epoch; of the others one row with the slope."""
    layers = np.arange(1, DEPTH + 1)
    frames = []
    for arm, start in STARTS.items():
        found = jax.jit(lambda start=start: jax.lax.map(lambda seed: log_variances(seed, *start), jnp.arange(NETS)))()
        logs = np.asarray(found, dtype=float)
        slopes = np.polyfit(layers, logs.T, 1)[0]
        drawn = pd.DataFrame(
            {
                "seed": np.repeat(np.arange(DRAWN), DEPTH),
                "epoch": np.tile(layers, DRAWN),
                "variance": np.exp(logs[:DRAWN]).ravel(),
                "log_variance_slope": np.repeat(slopes[:DRAWN], DEPTH),
            }
        )
        others = pd.DataFrame({"seed": np.arange(DRAWN, NETS), "epoch": 0, "log_variance_slope": slopes[DRAWN:]})
        frames.append(pd.concat([drawn, others], ignore_index=True).assign(arm=arm))
    return pd.concat(frames, ignore_index=True)


PROFILES = Measurement(tuple(STARTS), _profiles)
