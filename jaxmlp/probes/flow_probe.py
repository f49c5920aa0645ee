"""Flow of values and gradients through a run's net while it trains, layer by layer and at its outputs (S-093)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.errors import check_choice, check_count
from jaxmlp.nn.spec import NORM_STATS
from jaxmlp.probes.base import Probe, probe_tables
from jaxmlp.probes.flow import GATES, SIGNAL, backward_flow, forward_flow, norm_gaps, output_flow
from jaxmlp.schema import Column, Table
from jaxmlp.training import Hyper, RunSpec, RunState, net_of

FLOW_SHARES = (*GATES, "saturated_share")

FLOW = probe_tables(
    "flow",
    axes=("layer",),
    columns=(
        *(Column(f"{part}_{name}") for part in ("linear", "activation") for name in SIGNAL),
        *(Column(name, unit="accuracy") for name in FLOW_SHARES),
        Column("weight_gradient_norm", "norm of the loss's gradient for the weight"),
        Column("output_gradient_norm", "norm of the loss's gradient for the linear's output"),
        Column("running_mean_gap", "running mean from the rows' mean, in deviations"),
        Column("running_var_gap", "logarithm of running variance over the rows'"),
    ),
    probe="Flow",
)
"""One row per run, moment and linear, numbered from 0: see `forward_flow`, `backward_flow` and `norm_gaps`."""

OUTPUT_FLOW = probe_tables(
    "output_flow",
    axes=(),
    columns=(Column("distinct_outputs"), Column("predicted_classes")),
    probe="OutputFlow",
)
"""One row per run and moment: see `jaxmlp.probes.output_flow`."""


@dataclass(frozen=True)
class _OnRows(Probe):
    """A probe that puts some rows through the net at once, dropout off."""

    rows: int = 2000
    """The first so many of the run's training part, or all where there are fewer."""
    norm_stats: str = "batch"
    """Whose statistics normalize: those of the rows, `"batch"`, as the net trains; or `"running"`, as it predicts."""

    def __post_init__(self) -> None:
        check_count("rows", self.rows)
        check_choice("norm_stats", self.norm_stats, NORM_STATS)


@dataclass(frozen=True)
class Flow(_OnRows):
    """How values run forward and gradients run back, in every layer.

    NaN where a layer has no such part: the output layer no activation, a net without batch norm no statistics.

    >>> from jaxmlp.probes import Epochs
    >>> Flow(Epochs(5), rows=500).table.name
    'flow'
    """

    tables: ClassVar[Mapping[str, Table]] = FLOW

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: every column of `FLOW`, [L] each."""
        net, chosen = net_of(run, spec=spec, hyper=hyper), run.train_index[: self.rows]
        images, labels = dataset.train_inputs[chosen], dataset.train_targets[chosen]
        forward = forward_flow(net, images, norm_stats=self.norm_stats)
        backward = backward_flow(net, images, labels, norm_stats=self.norm_stats)
        return memory, forward | backward | norm_gaps(net, images)


@dataclass(frozen=True)
class OutputFlow(_OnRows):
    """Count a net's distinct outputs and the classes it predicts; for a net of numbers the latter is NaN.

    >>> from jaxmlp.probes import Epochs
    >>> OutputFlow(Epochs(every=5)).table.name
    'output_flow'
    """

    tables: ClassVar[Mapping[str, Table]] = OUTPUT_FLOW

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: `distinct_outputs` and `predicted_classes`, scalars."""
        net = net_of(run, spec=spec, hyper=hyper)
        seen = output_flow(net, dataset.train_inputs[run.train_index[: self.rows]], norm_stats=self.norm_stats)
        values = {name: value.astype(float) for name, value in seen.items()}
        if spec.loss.task == "numbers":
            values["predicted_classes"] = jnp.full_like(values["predicted_classes"], jnp.nan)
        return memory, values
