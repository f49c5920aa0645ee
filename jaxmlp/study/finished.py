"""What a finished block leaves: its rows of every table, and trained nets, as asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxmlp.study.arms import Run
from jaxmlp.study.ends import block_ends
from jaxmlp.training import Net, RunState, metrics_of, score_column, trained_net
from jaxmlp.training.state import EPOCHS, RUNS
from jaxmlp.training.step_log import STEPS, StepLog

KEEP_PARAMS = ("none", "best", "last")
"""Of each run: no parameters, those of the model that was tested (the best by validation where the spec selects it), or
those of the last epoch."""


@dataclass(frozen=True)
class FinishedBlock:
    """Of all runs of a block, without its padding."""

    tables: dict[str, pd.DataFrame]
    """Rows by the name of their table: "epochs", "runs", "steps" where the spec logs, and others. A run may have no
    row in one that is here."""
    nets: dict[str, Net]
    """By run id; empty where none are kept."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of its runs, in order."""
        return tuple(self.tables[EPOCHS.name]["run_id"].unique())


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
            nets[run.run_id] = trained_net(alone, spec=run.phase.spec, hyper=run.phase.hyper)
    tables = {
        EPOCHS.name: block_rows(experiment, block, states.history, states.measured),
        RUNS.name: block_ends(experiment, block, states),
    }
    if states.log is not None:
        tables[STEPS.name] = _steps(experiment, block, states.log, states.train.step)
    return FinishedBlock(tables, nets)


def _steps(experiment: str, block: Sequence[Run], log: StepLog, steps: Any) -> pd.DataFrame:
    frames = []
    for lane, run in enumerate(block):
        log_every = run.arm.spec.evaluation.log_every or 1
        loss, score = (np.asarray(values)[lane] for values in (log.loss, log.score))
        done = np.arange(np.asarray(steps)[lane] // log_every)
        columns = run.identity(experiment)
        columns |= {"step": ((done + 1) * log_every).astype(np.int32)}
        columns |= {"batch_loss": loss[done], "batch_accuracy": score[done]}
        if run.arm.spec.loss.task == "numbers":
            columns |= {"batch_accuracy": np.full_like(score[done], np.nan), "batch_score": score[done]}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def block_rows(
    experiment: str, block: Sequence[Run], history: Mapping[str, Any], measured: Mapping[str, Any]
) -> pd.DataFrame:
    """The rows of one trained block, with NaN where nothing was measured.

    Args:
        experiment: the study's name.
        block: its runs, without the padding.
        history: [W, E + 1] of each metric.
        measured: [W, E + 1] bool of each metric; the test score is, in each run's last row.
    """
    frames = []
    for lane, run in enumerate(block):
        # The last epoch a run has is tested: an early stop leaves the rows after it empty.
        spec = run.arm.spec
        end = 1 + np.flatnonzero(measured[score_column("test", spec)][lane])[-1]
        metrics = {
            name: np.where(measured[name][lane, :end], history[name][lane, :end], np.float32(np.nan))
            for name in metrics_of(spec)
        }
        columns = run.identity(experiment)
        columns |= {"epoch": np.arange(len(metrics["train_loss"]), dtype=np.int32)}
        columns |= metrics | {"diverged": metrics["diverged"].astype(bool)}
        columns |= {"selected_epoch": metrics["selected_epoch"].astype(np.int32)}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)
