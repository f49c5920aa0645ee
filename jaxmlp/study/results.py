"""What a study leaves: tidy rows and a manifest, in memory and on disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxmlp.errors import InputError
from jaxmlp.files import write_json, write_rows
from jaxmlp.study.arms import Run
from jaxmlp.training import METRICS

ROWS_FILE, MANIFEST_FILE = "results.parquet", "manifest.json"


@dataclass(frozen=True)
class Results:
    """Rows, one per run and epoch (epoch 0 is before training), and the manifest that says how they came."""

    rows: pd.DataFrame
    manifest: dict[str, Any]

    def final(self) -> pd.DataFrame:
        """The last row of every run: its reported numbers."""
        last = self.rows.groupby("run_id", sort=False)["epoch"].idxmax()
        return self.rows.loc[last].reset_index(drop=True)

    def save(self, folder: Path) -> None:
        """Write both files, each whole; the rows first, so that a manifest never promises missing rows."""
        write_rows(folder / ROWS_FILE, self.rows)
        write_json(folder / MANIFEST_FILE, self.manifest)

    @staticmethod
    def saved_in(folder: Path) -> bool:
        """Whether the folder holds a finished study."""
        return (folder / ROWS_FILE).is_file() and (folder / MANIFEST_FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> "Results":
        """Read what `save` wrote.

        Raises:
            InputError: the folder holds no finished study.
        """
        if not cls.saved_in(folder):
            raise InputError(
                f"{folder} holds no finished study: give a folder that has {ROWS_FILE} and {MANIFEST_FILE}"
            )
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        return cls(pd.read_parquet(folder / ROWS_FILE), manifest)


def block_rows(experiment: str, block: Sequence[Run], history: dict[str, np.ndarray]) -> pd.DataFrame:
    """The rows of one trained block.

    Args:
        experiment: the study's name.
        block: its runs, without the padding.
        history: [W, E + 1] of each metric, with the test accuracy in each run's last row.
    """
    frames = []
    for lane, run in enumerate(block):
        # The test set is read once, in the last epoch a run has: an early stop leaves the rows after it empty.
        end = 1 + np.flatnonzero(np.isfinite(history["test_accuracy"][lane]))[-1]
        metrics = {name: history[name][lane, :end] for name in METRICS}
        columns: dict[str, Any] = {
            "experiment": experiment,
            "arm": run.arm.name,
            "run_id": run.run_id,
            "seed": run.seed,
            "epoch": np.arange(len(metrics["train_loss"]), dtype=np.int32),
        }
        columns |= metrics | {"diverged": metrics["diverged"].astype(bool)}
        columns |= {"selected_epoch": metrics["selected_epoch"].astype(np.int32)}
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


ROW_COLUMNS = ("experiment", "arm", "run_id", "seed", "epoch", *METRICS)


def assemble(rows: pd.DataFrame, settings: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The study's table: rows by arm, seed and epoch, and the settings that vary as columns.

    Settings are joined here and not in `block_rows`, since an arm added later can make one vary.

    Args:
        rows: of all blocks, possibly with settings of an earlier sitting.
        settings: per arm, in the order of the table, the settings that vary in the study.
    """
    rank = {arm: i for i, arm in enumerate(settings)}
    keys = ([rank[arm] for arm in rows["arm"]], rows["seed"].tolist(), rows["epoch"].tolist())
    places = list(zip(*keys, strict=True))
    rows = rows[list(ROW_COLUMNS)].iloc[sorted(range(len(rows)), key=places.__getitem__)].reset_index(drop=True)
    return pd.concat([rows, pd.DataFrame([settings[arm] for arm in rows["arm"]])], axis=1)
