"""What a study leaves: named tables and a manifest, in memory and on disk."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from jaxmlp.errors import InputError, check_choice
from jaxmlp.files import DamagedFileError, read_rows, read_sealed_json, write_rows, write_sealed_json
from jaxmlp.schema import IDENTITY, TABLES, column_of, table_file
from jaxmlp.study import tables
from jaxmlp.study.arms import varying_settings
from jaxmlp.study.ends import runs_table
from jaxmlp.study.kept import Kept, KeptTable, newest
from jaxmlp.study.manifest import EMPTY, VERSION, check_version, describe_tables, table_keys
from jaxmlp.study.nets import Nets
from jaxmlp.training import SCORES, Net
from jaxmlp.training.state import EPOCHS, RUNS

ROWS_FILE, MANIFEST_FILE = EPOCHS.file, "manifest.json"


@dataclass(frozen=True, repr=False)
class Results:
    """Results of a study: tables by name, and the manifest that says how they were made.

    Every study has "epochs", one row per run and epoch (epoch 0 is before training), and "runs", how each run ended.
    Arms whose spec logs bring "steps", one row per run and window of `log_every` steps (S-097); probes and measurements
    bring tables of their own.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.97, 0.98]}, "randn": {"test_accuracy": [0.1, 0.8]}})
    >>> results = Results({"epochs": rows}, manifest={})
    >>> results.final().groupby("arm")["test_accuracy"].min().to_dict()
    {'he': 0.97, 'randn': 0.1}
    >>> len(results.select(arm="he").rows)
    4
    """

    tables: Mapping[str, pd.DataFrame]
    manifest: dict[str, Any]
    nets: Nets = field(default_factory=Nets)
    """The trained nets that `keep_params` kept."""

    @property
    def rows(self) -> pd.DataFrame:
        """The table "epochs"."""
        return self.tables[EPOCHS.name]

    def table(self, name: str) -> pd.DataFrame:
        """The rows of one table, such as "steps".

        Raises:
            InputError: the study does not have it; says which it has, and what makes it have this one.
        """
        if name in self.tables:
            return self.tables[name]
        if name == RUNS.name and "arms" in self.manifest:  # a study of version 1, which does not keep it
            return runs_table(self.rows, self.manifest["arms"])
        advice = (TABLES[name].source if name in TABLES else "") or "choose one of these"
        raise InputError(f"the study has no table {name!r}, it has {', '.join(self.tables)}: {advice}")

    def best(self, metric: str = "val_accuracy", **conditions: Any) -> Net:
        """The net of the best run, among those that meet the conditions (`select`) and have not diverged.

        Args:
            metric: an accuracy or R² (`val_score`), of which the highest is best, or a loss, of which the lowest is;
                one that is measured every epoch is read at the epoch that the run's spec selected, a test metric at the
                end.
            **conditions: as for `select`.

        Raises:
            InputError: an unknown metric or condition, or its net was not kept.
        """
        columns = map(column_of, tables.measured_columns(self.rows))
        higher = {one.name: one.higher_is_better for one in columns if one.higher_is_better is not None}
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
        others = {name: tables.belonging(table, rows) for name, table in self.tables.items()}
        return replace(self, tables=others | {EPOCHS.name: rows})

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
        """Columns arm, epoch, mean, low, high, n: mean of `metric` over seeds and its 95 % band.

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
        """Write the files, each whole; the tables first, so that a manifest never promises missing rows.

        Raises:
            InputError: a table that nobody declared.
        """
        described = describe_tables(self.tables, self.manifest)
        for name, table in self.tables.items():
            if name != EPOCHS.name:
                write_rows(folder / table_file(name), table)
        write_rows(folder / ROWS_FILE, self.rows)
        write_sealed_json(folder / MANIFEST_FILE, self.manifest | {"version": VERSION, "tables": described})

    @staticmethod
    def saved_in(folder: Path) -> bool:
        """Whether the folder holds a finished study."""
        return (folder / ROWS_FILE).is_file() and (folder / MANIFEST_FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> "Results":
        """Read what `save` wrote; tables of it whose files are not there are left out.

        Raises:
            InputError: the folder holds no finished study, or one of a newer version.
            DamagedFileError: a file of it has changed since.
        """
        if not cls.saved_in(folder):
            raise InputError(
                f"{folder} holds no finished study: give a folder that has {ROWS_FILE} and {MANIFEST_FILE}"
            )
        manifest = read_sealed_json(folder / MANIFEST_FILE)
        check_version(manifest, folder)
        try:
            keys = table_keys(manifest)
        except (TypeError, AttributeError, LookupError) as error:
            raise DamagedFileError(folder / MANIFEST_FILE, f"its tables are not readable ({error})") from None
        there = {name: own for name, own in keys.items() if (folder / table_file(name)).is_file()}
        read = {name: read_rows(folder / table_file(name), required_columns(own)) for name, own in there.items()}
        return cls(read, manifest, Nets(folder=folder))


def required_columns(keys: Sequence[str]) -> tuple[str, ...]:
    """Columns without which a file holds no rows of a table with these keys; others come and go with versions."""
    return tuple(dict.fromkeys((*IDENTITY, *keys))) if keys[0] == "run_id" else tuple(keys)


def assemble(rows: pd.DataFrame, settings: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The table "epochs": rows by arm, seed and epoch, and the settings that vary as columns.

    Settings are joined here and not in `block_rows`, since an arm added later can make one vary.

    Args:
        rows: of all blocks, possibly with settings of an earlier call.
        settings: per arm, in the order of the table, the settings that vary in the study.
    """
    own = [*tables.ROW_COLUMNS, *(name for name in SCORES if name in rows)]
    rows = rows_in_order(pd.DataFrame(rows[own]), EPOCHS.keys, settings)
    # One row per arm first: its columns have the same types however many rows the arms have.
    rank = pd.Index(settings).get_indexer(pd.Index(rows["arm"]))
    columns = pd.DataFrame(list(settings.values())).iloc[rank].reset_index(drop=True)
    return pd.concat([rows, columns], axis=1)


def rows_in_order(rows: pd.DataFrame, keys: Sequence[str], arms: Iterable[str]) -> pd.DataFrame:
    """Rows of runs by arm, in the order of `arms`, by seed and by the other keys; words as they first come."""
    rank = pd.Index(list(arms)).get_indexer(pd.Index(rows["arm"]))
    others = [rows[key] if is_numeric_dtype(rows[key]) else pd.factorize(rows[key])[0] for key in keys[1:]]
    return rows.iloc[np.lexsort((*reversed(others), rows["seed"], rank))].reset_index(drop=True)


def assemble_all(
    sources: Sequence[Kept], manifest: Mapping[str, Any]
) -> tuple[dict[str, pd.DataFrame], dict[str, dict[str, Any]]]:
    """All tables out of what is kept, the newest last, and what the manifest says of them."""
    settings = varying_settings(manifest["arms"])
    # The oldest source: studies of version 1 do not keep how their runs ended.
    trained = newest(sources, EPOCHS.name)
    sources = [{RUNS.name: KeptTable(runs_table(trained.rows, manifest["arms"]), trained.run_ids)}, *sources]
    names = dict.fromkeys((EPOCHS.name, *(name for kept in sources for name in kept)))
    found, described = {}, describe_tables(names, manifest)
    for name in names:
        kept = newest(sources, name)
        keys = described[name]["keys"]
        rows = assemble(kept.rows, settings) if name == EPOCHS.name else rows_in_order(kept.rows, keys, settings)
        found[name] = rows
        about = {key: value for key, value in described[name].items() if key != EMPTY}
        empty = sorted(kept.run_ids - set(rows["run_id"]))
        described[name] = about | ({EMPTY: empty} if empty else {})
    return found, described
