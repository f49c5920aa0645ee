"""What a net of two inputs answers all over the plane, while it trains (S-014, S-015)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, check_count
from jaxmlp.nn.outputs import class_probabilities, predicted_classes
from jaxmlp.probes.base import Probe, probe_tables
from jaxmlp.schema import Column, Table
from jaxmlp.training import Hyper, RunSpec, RunState, net_of

MARGIN = 0.1
"""Of the data's range, on every side."""

DECISION_GRID = probe_tables(
    "decision_grid",
    axes=("grid_row", "grid_column"),
    columns=(
        Column("first_input"),
        Column("second_input"),
        Column("grid_class", "predicted class"),
        Column("grid_confidence", "probability of the predicted class", "accuracy"),
    ),
    probe="DecisionGrid",
)
"""One row per run, moment and point of the plane."""


@dataclass(frozen=True)
class DecisionGrid(Probe):
    """The predicted class, and its probability, at `side` x `side` points over the range of the training inputs.

    It is not among `PROBES`: it is for nets of two inputs and the classes, XOR and the toys.

    >>> from jaxmlp.probes import Epochs
    >>> DecisionGrid(Epochs(10), side=20).table.name
    'decision_grid'
    """

    side: int = 40
    tables: ClassVar[Mapping[str, Table]] = DECISION_GRID

    def __post_init__(self) -> None:
        check_count("side", self.side)

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: every column of `DECISION_GRID`, [side, side] each.

        Raises:
            InputError: a net of other than two inputs, or of numbers.
        """
        if spec.mlp.widths[0] != 2 or spec.loss.task != "classes":
            raise InputError(f"a decision grid of widths {spec.mlp.widths}: it is for two inputs and classes")
        points = dataset.train_inputs.astype(float)
        low, high = jnp.min(points, axis=0), jnp.max(points, axis=0)
        pad = MARGIN * (high - low)
        first, second = (jnp.linspace(low[i] - pad[i], high[i] + pad[i], self.side) for i in (0, 1))
        grid = jnp.stack(jnp.meshgrid(first, second), axis=-1)
        net = net_of(run, spec=spec, hyper=hyper)
        outputs = net.logits(grid.reshape(-1, 2).astype(dataset.train_inputs.dtype))
        shares = class_probabilities(outputs, spec.mlp.output)
        shape = (self.side, self.side)
        return memory, {
            "first_input": grid[..., 0],
            "second_input": grid[..., 1],
            "grid_class": predicted_classes(outputs, spec.mlp.output).astype(float).reshape(shape),
            "grid_confidence": jnp.max(shares, axis=1).reshape(shape),
        }
