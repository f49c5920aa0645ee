"""What a finished block leaves: rows per epoch, rows between epochs, and trained nets, as asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxmlp.study.arms import Run
from jaxmlp.training import METRICS, Net, RunState, trained_net

KEEP_PARAMS = ("none", "best", "last")
"""Of each run: no parameters, those of the model that was tested (the best by validation where the spec selects it), or
those of the last epoch."""


@dataclass(frozen=True)
class FinishedBlock:
    """Of all runs of a block, without its padding."""

    rows: pd.DataFrame
    """One per run and epoch."""
    steps: pd.DataFrame | None
    """One per run and window of steps; None where the spec logs none."""
    nets: dict[str, Net]
    """By run id; empty where none are kept."""


def finish_block(experiment: str, block: Sequence[Run], states: RunState, keep_params: str) -> FinishedBlock:
    """Sort out the final states of a block.

    Args:
        experiment: the study's name.
        block: its runs, without the padding.
        states: stacked [W], on the host.
        keep_params: one of `KEEP_PARAMS`.
    """
    nets = {}
    if keep_params != "none":
        kept = states.replace(best=None) if keep_params == "last" else states
        for lane, run in enumerate(block):
            alone = jax.tree.map(lambda leaf, lane=lane: leaf[lane], kept)
            nets[run.run_id] = trained_net(alone, spec=run.arm.spec, hyper=run.arm.hyper)
    return FinishedBlock(block_rows(experiment, block, states.history), _steps(experiment, block, states), nets)


def _steps(experiment: str, block: Sequence[Run], states: RunState) -> pd.DataFrame | None:
    if states.log is None:
        return None
    frames = []
    for lane, run in enumerate(block):
        log_every = run.arm.spec.evaluation.log_every or 1
        loss, accuracy = (np.asarray(values)[lane] for values in (states.log.loss, states.log.accuracy))
        done = np.flatnonzero(np.isfinite(accuracy))  # a lost loss is NaN, an accuracy only where a run had ended
        columns: dict[str, Any] = _identity(experiment, run)
        columns |= {"step": ((done + 1) * log_every).astype(np.int32)}
        frames.append(pd.DataFrame(columns | {"batch_loss": loss[done], "batch_accuracy": accuracy[done]}))
    return pd.concat(frames, ignore_index=True)


def _identity(experiment: str, run: Run) -> dict[str, Any]:
    return {"experiment": experiment, "arm": run.arm.name, "run_id": run.run_id, "seed": run.seed}


def block_rows(experiment: str, block: Sequence[Run], history: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one trained block.

    Args:
        experiment: the study's name.
        block: its runs, without the padding.
        history: [W, E + 1] of each metric, with the test accuracy in each run's last row.
    """
    frames = []
    for lane, run in enumerate(block):
        # The last epoch a run has is tested: an early stop leaves the rows after it empty.
        end = 1 + np.flatnonzero(np.isfinite(history["test_accuracy"][lane]))[-1]
        metrics = {name: np.asarray(history[name])[lane, :end] for name in METRICS}
        columns = _identity(experiment, run)
        columns |= {"epoch": np.arange(len(metrics["train_loss"]), dtype=np.int32)}
        columns |= metrics | {"diverged": metrics["diverged"].astype(bool)}
        columns |= {"selected_epoch": metrics["selected_epoch"].astype(np.int32)}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)
