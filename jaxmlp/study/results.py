"""What a study leaves: tidy rows and a manifest, in memory and on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxmlp.errors import InputError, check_choice
from jaxmlp.files import read_rows, read_sealed_json, write_rows, write_sealed_json
from jaxmlp.study import tables
from jaxmlp.study.nets import Nets
from jaxmlp.training import Net
from jaxmlp.training.state import EPOCHS

ROWS_FILE, STEPS_FILE, MANIFEST_FILE = "results.parquet", "steps.parquet", "manifest.json"
ROW_KEYS, STEP_KEYS = ("experiment", "arm", "run_id", "seed", "epoch"), ("experiment", "arm", "run_id", "seed", "step")
"""Columns without which a file holds no rows of a study; metrics come and go with versions."""


@dataclass(frozen=True, repr=False)
class Results:
    """Rows, one per run and epoch (epoch 0 is before training), and the manifest that says how they came."""

    rows: pd.DataFrame
    manifest: dict[str, Any]
    steps: pd.DataFrame | None = None
    """One row per run and window of `log_every` steps (S-097): `step`, `batch_loss` and `batch_accuracy`, the means of
    the window's batches before their updates. None where no spec logs."""
    nets: Nets = field(default_factory=Nets)
    """The trained nets that `keep_params` kept."""

    def best(self, metric: str = "val_accuracy", **conditions: Any) -> Net:
        """The net of the best run, among those that meet the conditions (`select`) and have not diverged.

        Args:
            metric: an accuracy, of which the highest is best, or a loss, of which the lowest is; one that is measured
                every epoch is read at the epoch that the run's spec selected, a test metric at the end.
            **conditions: as for `select`.

        Raises:
            InputError: an unknown metric or condition, or its net was not kept.
        """
        higher = {one.name: one.higher_is_better for one in EPOCHS.columns if one.higher_is_better is not None}
        check_choice("metric", metric, higher)
        rows = self.select(**conditions).rows
        read = tables.where_reported(rows, metric)
        if not read.any():
            raise InputError(f"no run that did not diverge has a {metric}: give another metric")
        values = rows[metric].to_numpy(float)
        values = np.where(read, values if higher[metric] else -values, -np.inf)
        return self.nets.get(str(rows["run_id"].iloc[int(np.argmax(values))]))

    def final(self) -> pd.DataFrame:
        """The last row of every run: its reported numbers."""
        return tables.last_rows(self.rows)

    def select(self, **conditions: Any) -> "Results":
        """The part that meets every condition, each a column with one value or several; the manifest stays whole.

        For example `select(arm="plain", seed=[0, 1])`; columns with a dot go in as
        `select(**{"hyper.learning_rate": 0.1})`.

        Raises:
            InputError: a column that is not there or was measured, or a value that no row has.
        """
        rows = tables.select_rows(self.rows, conditions)
        steps = None if self.steps is None else self.steps[self.steps["run_id"].isin(rows["run_id"])]
        return replace(self, rows=rows, steps=steps)

    def pivot(self, metric: str, *, rows: str, columns: str, epoch: int | None = None) -> pd.DataFrame:
        """Mean over seeds of `metric` as a table over two settings, in the order of the arms.

        Args:
            metric: one of `METRICS`; of `diverged` it is the share of runs.
            rows: a setting that varies, such as `hyper.learning_rate`, or `arm` or `seed`.
            columns: another one.
            epoch: where the metric is read; by default in each run's last row.

        Returns:
            NaN where the grid has no arm, or where a run of the arm has no value: its loss was lost, or it had ended.

        Raises:
            InputError: unknown names, an epoch that no run has, or a third setting that varies within a cell.
        """
        return tables.pivot_means(self.rows, metric, (rows, columns), epoch)

    def paired_differences(self, metric: str, arm_a: str, arm_b: str, epoch: int | None = None) -> pd.Series:
        """A minus B, for the seeds both have: the same seed means the same split, data order and initial draws.

        Returns:
            Indexed by seed; NaN where a run of the pair has no value, as in `pivot`.

        Raises:
            InputError: unknown names, an epoch that no run has, or no seed in common.
        """
        return tables.paired(self.rows, metric, arm_a, arm_b, epoch)

    def curves(self, metric: str) -> pd.DataFrame:
        """Columns arm, epoch, mean, low, high, n: mean of `metric` over seeds and its 95 % band by Student's t.

        n counts the runs with a finite value there. It falls where runs stop early, since their rows end, and where
        losses are lost to NaN: mean and band are of the others. Below two the band is NaN.

        Raises:
            InputError: an unknown metric.
        """
        return tables.curves_over_seeds(self.rows, metric)

    def __repr__(self) -> str:
        """One line: rows and manifest are long."""
        counts = f"{self.rows['arm'].nunique()} arms, {self.rows['seed'].nunique()} seeds, {len(self.rows)} rows"
        return f"<Results: {counts}; settings that vary: {', '.join(tables.setting_columns(self.rows)) or 'none'}>"

    def save(self, folder: Path) -> None:
        """Write the files, each whole; the rows first, so that a manifest never promises missing rows."""
        if self.steps is not None:
            write_rows(folder / STEPS_FILE, self.steps)
        write_rows(folder / ROWS_FILE, self.rows)
        write_sealed_json(folder / MANIFEST_FILE, self.manifest)

    @staticmethod
    def saved_in(folder: Path) -> bool:
        """Whether the folder holds a finished study."""
        return (folder / ROWS_FILE).is_file() and (folder / MANIFEST_FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> "Results":
        """Read what `save` wrote.

        Raises:
            InputError: the folder holds no finished study.
            DamagedFileError: a file of it has changed since.
        """
        if not cls.saved_in(folder):
            raise InputError(
                f"{folder} holds no finished study: give a folder that has {ROWS_FILE} and {MANIFEST_FILE}"
            )
        manifest = read_sealed_json(folder / MANIFEST_FILE)
        steps = read_rows(folder / STEPS_FILE, STEP_KEYS) if (folder / STEPS_FILE).is_file() else None
        return cls(read_rows(folder / ROWS_FILE, ROW_KEYS), manifest, steps, Nets(folder=folder))


def assemble(rows: pd.DataFrame, settings: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The study's table: rows by arm, seed and epoch, and the settings that vary as columns.

    Settings are joined here and not in `block_rows`, since an arm added later can make one vary.

    Args:
        rows: of all blocks, possibly with settings of an earlier sitting.
        settings: per arm, in the order of the table, the settings that vary in the study.
    """
    rank = pd.Index(settings).get_indexer(pd.Index(rows["arm"]))
    order = np.lexsort((rows["epoch"], rows["seed"], rank))
    rows = rows[list(tables.ROW_COLUMNS)].iloc[order].reset_index(drop=True)
    # One row per arm first: its columns have the same types however many rows the arms have.
    columns = pd.DataFrame(list(settings.values())).iloc[rank[order]].reset_index(drop=True)
    return pd.concat([rows, columns], axis=1)


def assemble_steps(frames: Sequence[pd.DataFrame], settings: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The rows between epochs, by arm, seed and step; arguments as for `assemble`."""
    rows = pd.concat(frames, ignore_index=True)
    rank = pd.Index(settings).get_indexer(pd.Index(rows["arm"]))
    return rows.iloc[np.lexsort((rows["step"], rows["seed"], rank))].reset_index(drop=True)
