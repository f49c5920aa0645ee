"""What starts alone show of the laws: drift and gain of ReLU nets, units born dead, gradients behind batch norm.

Nothing is trained. Every seed of the study stands for so many starts, each drawn by the library's own initializers and
numbered on through the seeds. One input from N(0, 1) goes through the nets without norm; of one input the laws speak.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from experiments.lab.measured import Finished, Measurement
from jaxmlp.nn import INITIALIZERS, MLPSpec, init_mlp, linear
from jaxmlp.nn.activations import relu
from jaxmlp.nn.initializers import init_linear
from jaxmlp.probes import backward_flow
from jaxmlp.schema import Column, Table, declare
from jaxmlp.training import DataSpec, Hyper, Net, RunSpec

DRIFT = declare(
    Table("drift", keys=("start", "seed"), columns=(Column("log_square_slope"),), subject="start"),
)
"""One row per start that is alive in all layers: (ln m_L − ln m_1)/(L − 1), m the mean square of a layer's outputs."""
BORN_DEAD = declare(
    Table(
        "born_dead", keys=("start", "seed"), columns=(Column("starts_drawn"), Column("dead_starts")), subject="start"
    ),
)
"""One row per seed of the study: how many starts, and for how many the one input finds a layer without a live unit."""
NORM_GROWTH = declare(
    Table("norm_growth", keys=("start", "seed"), columns=(Column("gradient_growth"),), subject="start"),
)
"""One row per start: by what a layer behind batch norm multiplies the squared gradient, geometric mean over layers."""

DRIFT_LAYERS = 40
"""Linear layers, as many as the deepest net of D0 has hidden ones."""
GROWTH_LAYERS, GROWTH_FROM, GROWTH_TO = 16, 5, 13
"""Hidden layers; the growth is read between two of them, far from the data and from the loss, whose gradients have not
come to the law's state."""


class DriftStart(NamedTuple):
    """Equal layers of ReLU from one initializer; `each` starts a seed."""

    initializer: str
    width: int
    each: int


class Tail(NamedTuple):
    """The last hidden layers of a net of ReLU with He's start, behind a layer of `inputs` units; starts a seed."""

    inputs: int
    hidden: tuple[int, ...]
    each: int


class NormStart(NamedTuple):
    """Equal hidden layers in D0's order, linear, ReLU, batch norm, on a batch from N(0, 1); starts a seed."""

    width: int
    batch_size: int
    each: int


def drift_of(key: Array, start: DriftStart) -> Array:
    """The slope of ln m over the layers of one start, scalar; not finite where a layer is dead."""
    n, initializer = start.width, INITIALIZERS[start.initializer]

    def layer(x: Array, number: Array) -> tuple[Array, Array]:
        drawn = init_linear(key, initializer, number, n, n, 1.0, bias=False)
        y = linear(drawn["weight"], None, x)
        return relu(y), jnp.log(jnp.mean(jnp.square(y)))

    x = jax.random.normal(jax.random.fold_in(key, DRIFT_LAYERS), (1, n))
    logs = jax.lax.scan(layer, x, jnp.arange(DRIFT_LAYERS))[1]
    return (logs[-1] - logs[0]) / (DRIFT_LAYERS - 1)


def is_dead(key: Array, tail: Tail) -> Array:
    """Whether one input finds a hidden layer of the start without a live unit, bool scalar."""
    spec = MLPSpec((tail.inputs, *tail.hidden, 1))
    params, _ = init_mlp(key, spec, Hyper())
    y = jax.random.normal(jax.random.fold_in(key, spec.num_layers), (1, tail.inputs))
    alive = jnp.asarray(True)
    for one in params[:-1]:
        y = relu(linear(one["weight"], one["bias"], y))
        alive &= jnp.any(y > 0)
    return ~alive


def norm_growth_of(key: Array, start: NormStart) -> Array:
    """What a layer multiplies the squared gradient for linear outputs by, towards the input, scalar."""
    spec = RunSpec(
        MLPSpec((start.width,) * (GROWTH_LAYERS + 1) + (10,), norm="batch_norm"), DataSpec(preprocessing="none")
    )
    rows, labels = jax.random.split(jax.random.fold_in(key, spec.mlp.num_layers))
    x = jax.random.normal(rows, (start.batch_size, start.width))
    net = Net(*init_mlp(key, spec.mlp, Hyper()), (), Hyper(), spec)
    found = backward_flow(net, x, jax.random.randint(labels, (start.batch_size,), 0, 10), norm_stats="batch")
    norms = jnp.log(found["output_gradient_norm"])
    return jnp.exp(2 * (norms[GROWTH_FROM] - norms[GROWTH_TO]) / (GROWTH_TO - GROWTH_FROM))


def each_of(of: Callable[[Array], Array], name: str, seeds: np.ndarray, lanes: int) -> np.ndarray:
    """One number per start, [S]; `name` sets the draws of one kind of start apart from those of others.

    Args:
        of: from a start's key to its number.
        name: of the kind.
        seeds: numbers of the starts, [S].
        lanes: starts that are computed side by side, which bounds memory.
    """
    base = jax.random.key(int.from_bytes(name.encode(), "little") % 2**31)

    @jax.jit
    def all_of(seeds: Array) -> Array:
        return jax.lax.map(lambda seed: of(jax.random.fold_in(base, seed)), seeds, batch_size=lanes)

    return np.asarray(all_of(jnp.asarray(seeds)))


def _numbered(finished: Finished, count: int) -> np.ndarray:
    """The starts' numbers: `count` for every seed of the study, from its first one on."""
    seeds = max(finished.seeds.values())
    return np.arange(count * finished.first_seed, count * (finished.first_seed + seeds))


def _one_each(
    finished: Finished, starts: Mapping[str, Any], table: Table, of: Callable[[Array, Any], Array], most: int
) -> pd.DataFrame:
    """The rows of a table that has one number per start; as many side by side as have `most` weights a layer."""
    tables = []
    for name, start in starts.items():
        seeds, lanes = _numbered(finished, start.each), max(1, most // start.width**2)
        numbers = each_of(lambda key, start=start: of(key, start), name, seeds, lanes)
        tables.append(pd.DataFrame({"start": name, "seed": seeds, table.columns[0].name: numbers.astype(float)}))
    return pd.concat(tables, ignore_index=True)


def _drifts(finished: Finished, starts: Mapping[str, DriftStart]) -> pd.DataFrame:
    rows = _one_each(finished, starts, DRIFT, drift_of, 2**16)
    return rows.loc[np.isfinite(rows[DRIFT.columns[0].name])].reset_index(drop=True)


def _dead(finished: Finished, tails: Mapping[str, Tail]) -> pd.DataFrame:
    tables = []
    for name, tail in tails.items():
        dead = each_of(lambda key, tail=tail: is_dead(key, tail), name, _numbered(finished, tail.each), 1000)
        sums = dead.reshape(-1, tail.each).sum(axis=1)
        seeds = finished.first_seed + np.arange(len(sums))
        tables.append(pd.DataFrame({"start": name, "seed": seeds, "starts_drawn": tail.each, "dead_starts": sums}))
    return pd.concat(tables, ignore_index=True)


def laws_of_starts(
    drifts: Mapping[str, DriftStart], tails: Mapping[str, Tail], norms: Mapping[str, NormStart]
) -> Measurement:
    """The three tables, each of these starts by name."""

    def make(finished: Finished) -> dict[str, pd.DataFrame]:
        return {
            DRIFT.name: _drifts(finished, drifts),
            BORN_DEAD.name: _dead(finished, tails),
            NORM_GROWTH.name: _one_each(finished, norms, NORM_GROWTH, norm_growth_of, 1),
        }

    subjects = {DRIFT.name: tuple(drifts), BORN_DEAD.name: tuple(tails), NORM_GROWTH.name: tuple(norms)}
    return Measurement(subjects, make)
