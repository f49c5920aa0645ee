"""What a study leaves: tidy rows and a manifest, in memory and on disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxmlp.errors import InputError, check_choice
from jaxmlp.files import write_json, write_rows
from jaxmlp.study.nets import Nets
from jaxmlp.training import METRICS, TrainedNet

ROWS_FILE, STEPS_FILE, MANIFEST_FILE = "results.parquet", "steps.parquet", "manifest.json"


@dataclass(frozen=True)
class Results:
    """Rows, one per run and epoch (epoch 0 is before training), and the manifest that says how they came."""

    rows: pd.DataFrame
    manifest: dict[str, Any]
    steps: pd.DataFrame | None = None
    """One row per run and window of `log_every` steps (S-097): `step`, `batch_loss` and `batch_accuracy`, the means of
    the window's batches before their updates. None where no spec logs."""
    nets: Nets = field(default_factory=Nets)
    """The trained nets that `keep_params` kept."""

    def best(self, metric: str = "val_accuracy", **conditions: Any) -> TrainedNet:
        """The net of the run whose reported `metric` is highest, among the runs that meet the conditions (`select`).

        Raises:
            InputError: an unknown metric or condition, or its net was not kept.
        """
        final = self.select(**conditions).final()
        check_choice("metric", metric, METRICS)
        if not final[metric].notna().any():
            raise InputError(f"no run has a {metric}: give another metric")
        return self.nets.get(final.loc[final[metric].idxmax(), "run_id"])

    def final(self) -> pd.DataFrame:
        """The last row of every run: its reported numbers."""
        last = self.rows.groupby("run_id", sort=False)["epoch"].idxmax()
        return self.rows.loc[last].reset_index(drop=True)

    def save(self, folder: Path) -> None:
        """Write the files, each whole; the rows first, so that a manifest never promises missing rows."""
        if self.steps is not None:
            write_rows(folder / STEPS_FILE, self.steps)
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
        steps = pd.read_parquet(folder / STEPS_FILE) if (folder / STEPS_FILE).is_file() else None
        return cls(pd.read_parquet(folder / ROWS_FILE), manifest, steps, Nets(folder=folder))


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


def assemble_steps(frames: Sequence[pd.DataFrame], settings: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The rows between epochs, by arm, seed and step; arguments as for `assemble`."""
    rows = pd.concat(frames, ignore_index=True)
    rank = pd.Index(settings).get_indexer(pd.Index(rows["arm"]))
    return rows.iloc[np.lexsort((rows["step"], rows["seed"], rank))].reset_index(drop=True)
