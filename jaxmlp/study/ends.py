"""The table "runs": how every run ended, out of its state, or out of rows that were written before it was kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxmlp.schema import IDENTITY
from jaxmlp.study.arms import Run, flat_settings
from jaxmlp.study.tables import last_rows
from jaxmlp.training import RunState, RunStatus


def block_ends(experiment: str, block: Sequence[Run], states: RunState) -> pd.DataFrame:
    """The rows of one trained block.

    Args:
        experiment: the study's name.
        block: its runs, without the padding.
        states: stacked [W], on the host.
    """
    identity = [run.identity(experiment) for run in block]
    lanes = slice(len(block))
    columns = {
        "status": [RunStatus(int(status)).words for status in states.status[lanes]],
        "ended_epoch": np.asarray(states.ended_epoch[lanes], np.int32),
    }
    return pd.DataFrame(identity, columns=list(IDENTITY)).assign(**columns)


def runs_table(rows: pd.DataFrame, arms: Mapping[str, Any]) -> pd.DataFrame:
    """The same, from a study's rows and its manifest's `arms`: what a study without this table would have.

    Args:
        rows: of the table "epochs".
        arms: by name, settings as the manifest keeps them.

    Returns:
        A row per run, in the order of `rows`: it stopped early where its arm's spec has more epochs than it.

    >>> arm = {"spec": {"epochs": 2}, "hyper": {}}
    >>> rows = {"experiment": "e", "arm": ["a", "a", "b"], "run_id": ["r", "r", "s"], "seed": 0, "epoch": [1, 2, 1]}
    >>> runs_table(pd.DataFrame(rows | {"diverged": False}), {"a": arm, "b": arm})["status"].tolist()
    ['done', 'stopped early']
    """
    last = last_rows(rows)
    lost = rows.loc[rows["diverged"].astype(bool)].groupby("run_id")["epoch"].min()
    first_lost = last["run_id"].map(lost)
    epochs = {name: flat_settings(described)["epochs"] for name, described in arms.items()}
    planned = np.asarray([epochs[arm] for arm in last["arm"]])
    status = np.select(
        [first_lost.notna(), last["epoch"] < planned],
        [RunStatus.DIVERGED.words, RunStatus.STOPPED_EARLY.words],
        RunStatus.DONE.words,
    )
    ended = first_lost.fillna(last["epoch"]).astype(np.int32)
    return last[list(IDENTITY)].assign(status=status, ended_epoch=ended)
