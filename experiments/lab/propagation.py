"""How a start carries the variance of pre-activations from layer to layer, before any training (S-041 to S-045).

Nets of equal layers, biases as the start has them, inputs from N(0, 1). Two numbers of a net: the slope of the natural
logarithm of the variance against the layer, over all layers, where 0 keeps it and ln ½ = −0.69 halves it in each; and
the mean of the logarithm of the ratio of neighbouring layers over the first ten, since a variance that falls like a
power, as behind tanh, has a slope of any size, by how deep one looks.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from experiments.lab.measured import Finished, Measurement
from jaxmlp.nn import ACTIVATIONS, INITIALIZERS, linear
from jaxmlp.nn.initializers import init_linear
from jaxmlp.schema import Column, Table, declare

LAYERS = declare(
    Table(
        "starts",
        keys=("start", "seed", "layer"),
        columns=(Column("log10_variance"),),
        subject="start",
        along="layer",
    )
)
"""One row per layer of the nets that are drawn, from 1: before any training."""
GROWTH = declare(
    Table(
        "start_growth",
        keys=("start", "seed"),
        columns=(Column("log_variance_slope"), Column("log_variance_ratio")),
        subject="start",
    )
)
"""One row per net, with its two numbers."""

WIDTH, IMAGES = 256, 64
DRAWN = range(1000, 1030)
"""Seeds of the nets whose every layer is kept."""
_SEEDS = (*range(100), *DRAWN)
FIRST_LAYERS = 10
"""Layers whose mean ratio is read: as deep as nets are that nobody would call deep."""


class Start(NamedTuple):
    """Initializer, its gain, the activation, and how many layers it is followed through."""

    initializer: str
    gain: float
    activation: str
    depth: int = 100


# Where all layers are equal, Xavier's variance 2/(fan_in + fan_out) is that of 1/√n. Deeper than 30 layers the values
# of three of them would leave the floats.
PROPAGATION_STARTS = {
    "start_randn_relu": Start("randn", 1.0, "relu", depth=30),
    "start_normal_0.01_relu": Start("normal", 0.01, "relu", depth=30),
    "start_lecun_relu": Start("lecun_normal", 1.0, "relu"),
    "start_he_relu": Start("he_normal", 1.0, "relu"),
    "start_randn_tanh": Start("randn", 1.0, "tanh"),
    "start_normal_0.01_tanh": Start("normal", 0.01, "tanh", depth=30),
    "start_xavier_tanh": Start("xavier_normal", 1.0, "tanh"),
}


def log_variances(seed: Array | int, starts: Mapping[str, Start]) -> dict[str, Array]:
    """Natural logarithm of the variance of every layer's pre-activations, by arm [depth], of one net.

    All are scaled draws from N(0, 1), which are most of the work and made once.
    """
    key = jax.random.key(seed)
    deepest = max(start.depth for start in starts.values())

    def layer(inputs: dict[str, Array], number: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        outputs, logs = {}, {}
        draw = init_linear(key, INITIALIZERS["randn"], number, WIDTH, WIDTH, 1.0, bias=True)  # N(0, 1)
        for arm, start in starts.items():
            initializer = INITIALIZERS[start.initializer]
            scale = start.gain * initializer.scale(WIDTH, WIDTH)
            bias = draw["bias"] * scale if initializer.random_bias else None
            y = linear(draw["weight"] * scale, bias, inputs[arm])
            largest = jnp.max(jnp.abs(y))  # the square of a large pre-activation would leave the floats
            outputs[arm] = ACTIVATIONS[start.activation].function(y)
            logs[arm] = 2 * jnp.log(largest) + jnp.log(jnp.var(y / largest))
        return outputs, logs

    inputs = jax.random.normal(jax.random.fold_in(key, deepest), (IMAGES, WIDTH))
    logs = jax.lax.scan(layer, dict.fromkeys(starts, inputs), jnp.arange(deepest))[1]
    return {arm: logs[arm][: start.depth] for arm, start in starts.items()}


def _layers(start: str, logs: np.ndarray, seeds: Sequence[int], drawn: Sequence[int]) -> pd.DataFrame:
    """Of the last nets, layer by layer; `logs` [net, layer] are those of `log_variances`."""
    depth = logs.shape[1]
    return pd.DataFrame(
        {
            "start": start,
            "seed": np.repeat(drawn, depth),
            "layer": np.tile(np.arange(1, depth + 1), len(drawn)),
            "log10_variance": logs[-len(drawn) :].ravel() / np.log(10),
        }
    )


def _growth(start: str, logs: np.ndarray, seeds: Sequence[int], drawn: Sequence[int]) -> pd.DataFrame:
    """The two numbers of every net."""
    return pd.DataFrame(
        {
            "start": start,
            "seed": seeds,
            "log_variance_slope": np.polyfit(np.arange(1, logs.shape[1] + 1), logs.T, 1)[0],
            "log_variance_ratio": (logs[:, FIRST_LAYERS - 1] - logs[:, 0]) / (FIRST_LAYERS - 1),
        }
    )


def profiles_of(starts: Mapping[str, Start], seeds: Sequence[int], drawn: Sequence[int]) -> Measurement:
    """The tables of these starts' nets.

    Args:
        starts: by arm.
        seeds: of the nets.
        drawn: the last of these seeds, whose nets are kept layer by layer.
    """

    def make(finished: Finished) -> dict[str, pd.DataFrame]:
        nets = jax.jit(lambda seeds: jax.lax.map(lambda seed: log_variances(seed, starts), seeds))(jnp.asarray(seeds))
        logs = {start: np.asarray(of, dtype=float) for start, of in nets.items()}
        return {
            table.name: pd.concat([rows(start, of, seeds, drawn) for start, of in logs.items()], ignore_index=True)
            for table, rows in ((LAYERS, _layers), (GROWTH, _growth))
        }

    return Measurement(dict.fromkeys((LAYERS.name, GROWTH.name), tuple(starts)), make)


PROFILES = profiles_of(PROPAGATION_STARTS, _SEEDS, DRAWN)
