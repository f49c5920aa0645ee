"""How good a net with batch norm is with each of three statistics: running, the batch's, all rows' (S-031)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.errors import check_count
from jaxmlp.nn import NormState, apply_mlp
from jaxmlp.probes.base import Probe, probe_tables
from jaxmlp.schema import Column, Table
from jaxmlp.training import Hyper, Net, RunSpec, RunState, net_of
from jaxmlp.training.evaluation import evaluate

SCORED_PARTS = {"train": "training", "val": "validation"}
KINDS = {"running": "running statistics", "batch": "batch statistics", "full_data": "statistics of all rows"}

NORM_STATISTICS = probe_tables(
    "norm_statistics",
    axes=(),
    columns=tuple(
        Column(f"{part}_score_{kind}", f"{title} score, {statistics}", "accuracy", higher_is_better=True)
        for part, title in SCORED_PARTS.items()
        for kind, statistics in KINDS.items()
    ),
    probe="NormStatistics",
)
"""One row per run and moment: accuracies, or R² of numbers."""


@dataclass(frozen=True)
class NormStatistics(Probe):
    """The score on the training and the validation part, normalized by the running statistics, those of each batch
    of the size trained with, and those of all rows; a net without batch norm has the same score thrice.

    Statistics of all rows do not lag, have no noise and do not depend on the batch. If the score with running
    statistics is lower, they alone lose the difference. Batches leave out the ragged tail, as training does.

    >>> from jaxmlp.probes import Epochs
    >>> NormStatistics(Epochs(every=5), rows=1000).table.name
    'norm_statistics'
    """

    rows: int = 10_000
    """The first so many of the training part are what the training score and the statistics of all rows are of. They
    go through at once, with their memory."""
    tables: ClassVar[Mapping[str, Table]] = NORM_STATISTICS

    def __post_init__(self) -> None:
        check_count("rows", self.rows)

    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """See `Probe`: a score per part and kind, scalars; NaN without a validation part."""
        net, images, labels = net_of(run, spec=spec, hyper=hyper), dataset.train_inputs, dataset.train_targets
        rows = run.train_index[: self.rows]
        nets = {kind: (net, kind) for kind in ("running", "batch")}
        nets["full_data"] = (net.replace(norm_state=norm_state_of_rows(net, images[rows])), "running")
        seen = {}
        for part, index in (("train", rows), ("val", run.val_index)):
            for kind, (one, norm_stats) in nets.items():
                score = jnp.asarray(jnp.nan, float)
                if index.shape[0]:
                    _, score = evaluate(one, images, labels, index, norm_stats=norm_stats)
                seen[f"{part}_score_{kind}"] = score
        return memory, seen


def norm_state_of_rows(net: Net, images: Array) -> NormState:
    """`training.full_data_norm_state` in a single pass, all rows at once: for few rows, or layers so many that a pass
    for each takes too long.

    Args:
        net: of one run.
        images: [M, I], as stored; M at least 1.

    Returns:
        Mean and biased variance of every normalized layer's input, those of earlier layers in place.

    >>> import jax, jax.numpy as jnp
    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2), norm="batch_norm", initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> norm_state_of_rows(net, jnp.ones((5, 4), jnp.uint8))[0]["var"].tolist()  # weights of zero: nothing varies
    [0.0, 0.0, 0.0]
    """
    modes = {"train": False, "norm_stats": "batch", "update_norm": False}
    how: dict[str, Any] = {"spec": net.spec.mlp, "hyper": net.hyper, "precision": net.spec.precision} | modes
    _, _, taps = apply_mlp(net.params, net.norm_state, net.preprocessed(images), **how)
    return tuple(
        {"mean": jnp.mean(seen, axis=0), "var": jnp.var(seen, axis=0)} if running and seen is not None else running
        for running, seen in zip(net.norm_state, taps.norm_input, strict=True)
    )
