"""How far the weights have come, and by how long a way, while a run trains (S-110)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.probes.base import Probe, probe_tables
from jaxmlp.schema import Column, Table
from jaxmlp.training import Hyper, RunSpec, RunState

WEIGHT_PATH = probe_tables(
    "weight_path",
    axes=("layer",),
    columns=(
        Column("distance_from_start", "distance of the weight from its start"),
        Column("path_length", "length of the weight's path"),
        Column("update_ratio", "update-to-weight ratio"),
    ),
    probe="WeightPath",
)
"""One row per run, moment and linear, numbered from 0; Frobenius norms."""


@dataclass(frozen=True)
class WeightPath(Probe):
    """‖W − W₀‖, Σ‖ΔW‖ and ‖ΔW‖/‖W‖ of every linear, with ΔW what it moved since the last look, and W before that.

    A path is a chain of straight pieces from look to look: with `Steps(every=1)` it is the whole way, and the ratio is
    the update-to-weight ratio, about 1e-3 as a rule; with fewer looks both leave out what goes to and fro between.
    All are 0 at the first look. The ratio is infinite where a weight of zeros moved, NaN where it stayed.

    >>> from jaxmlp.probes import Steps
    >>> WeightPath(Steps(every=1)).table.name
    'weight_path_by_step'
    """

    tables: ClassVar[Mapping[str, Table]] = WEIGHT_PATH

    def begin(self, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> Any:
        """The first weights, the last ones, and the length so far, [L]."""
        weights = [layer["weight"] for layer in run.train.params]
        return weights, weights, jnp.zeros(len(weights), weights[0].dtype)

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: `distance_from_start`, `path_length` and `update_ratio`, [L] each."""
        start, last, length = memory
        now = [layer["weight"] for layer in run.train.params]
        moved, sizes = _distances(last, now), jnp.stack([jnp.linalg.norm(weight) for weight in last])
        length = length + moved
        seen = {"distance_from_start": _distances(start, now), "path_length": length, "update_ratio": moved / sizes}
        return (start, now, length), seen


def _distances(before: list[Array], after: list[Array]) -> Array:
    return jnp.stack([jnp.linalg.norm(b - a) for a, b in zip(before, after, strict=True)])
