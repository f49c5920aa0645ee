"""Tables of a study's rows: a part of them, each run's number, means over two settings, pairs, curves.

Pure functions over the tidy rows (one per run and epoch); `Results` offers them as methods. A pivot's mean and a
difference have a value only where every run has one: leaving out runs whose loss went to NaN, or that had stopped,
would flatter. A curve goes on with the runs that are left, and says how many.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from jaxmlp.errors import InputError, check_choice, check_type
from jaxmlp.intervals import BOOTSTRAP_FROM, mean_interval
from jaxmlp.training import METRICS, SCORES
from jaxmlp.training.state import EPOCHS

ROW_COLUMNS = EPOCHS.required
"""Every study's columns; the scores of numbers and the settings that vary in it come after."""

LEVEL = 0.95
SHOWN = 20
"""Values that a message lists at most."""


def setting_columns(rows: pd.DataFrame) -> list[str]:
    """The settings that vary in the study, such as `hyper.learning_rate`."""
    return [column for column in rows if column not in ROW_COLUMNS + SCORES]


def measured_columns(rows: pd.DataFrame) -> tuple[str, ...]:
    """What was measured: `METRICS`, and R² where the study is about numbers."""
    return METRICS + tuple(name for name in SCORES if name in rows)


def score_column_in(rows: pd.DataFrame, part: str) -> str:
    """The column with the score on a part, `train`, `val` or `test`: R² of a study about numbers, else the accuracy."""
    return f"{part}_score" if f"{part}_score" in rows else f"{part}_accuracy"


def last_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The last row of every run, in the order of the rows."""
    last = rows.groupby("run_id", sort=False)["epoch"].idxmax()
    return rows.loc[last].reset_index(drop=True)


def select_rows(rows: pd.DataFrame, conditions: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that meet every condition: column to a value or several, None where a setting is None.

    Raises:
        InputError: a column that is not there or was measured, a value that no row has, or no row with all of them.
    """
    chosen = np.ones(len(rows), bool)
    for column, wanted in conditions.items():
        check_choice("column", column, [name for name in rows if name not in METRICS + SCORES])
        chosen &= _having(pd.Series(rows[column]), wanted)
    if not chosen.any():
        together = ", ".join(f"{column} {wanted!r}" for column, wanted in conditions.items())
        raise InputError(f"no row has {together} together: leave a condition out")
    return rows.loc[chosen].reset_index(drop=True)


def belonging(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of another table that are of these runs; of a table without runs, of these arms; else all."""
    for column in ("run_id", "arm"):
        if column in table:
            return table.loc[table[column].isin(list(set(rows[column])))]
    return table


def _having(column: pd.Series, wanted: Any) -> np.ndarray:
    values = list(wanted) if pd.api.types.is_list_like(wanted) else [wanted]
    there = column.dropna().unique().tolist()
    known = set(there)
    absent = [v for v in values if not (column.hasnans if _is_none(v) else isinstance(v, Hashable) and v in known)]
    if absent or not values:
        there += [None] * column.hasnans
        listed = ", ".join(map(str, there[:SHOWN])) + f" and {len(there) - SHOWN} more" * (len(there) > SHOWN)
        raise InputError(f"no row has {column.name} {absent[0] if absent else values!r}: there are {listed}")
    return (column.isin(values) | (column.isna() & any(map(_is_none, values)))).to_numpy()


def _is_none(value: Any) -> bool:
    """A setting that is None in one arm and a number in another makes a column of numbers, NaN for None."""
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def values_of_runs(rows: pd.DataFrame, metric: str, epoch: int | None = None) -> pd.DataFrame:
    """One row per run with its settings, and `metric` as a float in its last row or at `epoch`.

    NaN where it is NaN, or where the run had ended before that epoch.

    Raises:
        InputError: an unknown metric, or an epoch that no run has.
    """
    check_choice("metric", metric, measured_columns(rows))
    runs = last_rows(rows)
    if epoch is not None:
        check_type("the epoch", epoch, (int, np.integer), "a whole number, or leave it out")
        there = rows[rows["epoch"] == epoch]
        if there.empty:
            raise InputError(
                f"no run has epoch {epoch!r}: give one from {rows['epoch'].min()} to {rows['epoch'].max()}"
            )
        runs[metric] = there.set_index("run_id").reindex(runs["run_id"])[metric].to_numpy()
    return runs.assign(**{metric: runs[metric].astype(float)})


def pivot_means(rows: pd.DataFrame, metric: str, by: tuple[str, str], epoch: int | None) -> pd.DataFrame:
    """Mean of `metric` over the seeds of one arm per cell; see `Results.pivot`."""
    for setting in by:
        check_choice("setting", setting, ("arm", "seed", *setting_columns(rows)))
    if by[0] == by[1]:
        raise InputError(f"rows and columns are both {by[0]}: give two settings")
    runs = values_of_runs(rows, metric, epoch)
    cells = runs.groupby(list(by), dropna=False)
    _check_one_arm(runs, cells, by)
    means = cells[metric].agg(lambda values: values.mean(skipna=False))
    table = pd.DataFrame(means.unstack())
    return table.reindex(index=_in_order(runs, by[0]), columns=_in_order(runs, by[1]))


def _check_one_arm(runs: pd.DataFrame, cells: Any, by: tuple[str, str]) -> None:
    if (cells["arm"].nunique() <= 1).all():
        return
    others = [
        name for name in setting_columns(runs) if name not in by and (cells[name].nunique(dropna=False) > 1).any()
    ]
    raise InputError(f"a cell would mix arms, which differ in {', '.join(others)} too: select one value of it first")


def _in_order(runs: pd.DataFrame, setting: str) -> pd.Index:
    return pd.Index(runs[setting].drop_duplicates(), name=setting)


def where_reported(rows: pd.DataFrame, metric: str) -> np.ndarray:
    """[rows] whether a run's number of this metric stands here: in the epoch its spec selected, a test's in the last.

    Nowhere for a run that diverged.
    """
    final = last_rows(rows).set_index("run_id").reindex(rows["run_id"])
    at = final["epoch" if metric.startswith("test_") else "selected_epoch"].to_numpy()
    here = (rows["epoch"].to_numpy() == at) & ~final["diverged"].to_numpy(bool)
    return here & rows[metric].notna().to_numpy()


def paired(rows: pd.DataFrame, metric: str, arm_a: str, arm_b: str, epoch: int | None) -> pd.Series:
    """A minus B by seed; see `Results.paired_differences`."""
    a, b = (
        values_of_runs(select_rows(rows, {"arm": arm}), metric, epoch).set_index("seed")[metric]
        for arm in (arm_a, arm_b)
    )
    seeds = a.index.intersection(b.index).sort_values()
    if seeds.empty:
        raise InputError(f"arms {arm_a!r} and {arm_b!r} have no seed in common: only runs of one seed are a pair")
    return (a.loc[seeds] - b.loc[seeds]).rename(f"{arm_a} - {arm_b}")


def curves_over_seeds(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean and band per arm and epoch; see `Results.curves`."""
    check_choice("metric", metric, measured_columns(rows))
    return mean_band(rows, metric, ("arm", "epoch"))


def mean_band(rows: pd.DataFrame, column: str, by: Sequence[str]) -> pd.DataFrame:
    """Mean of the finite values of `column` and its 95 % band, for each combination of `by`, in the rows' order.

    It is that of `jaxmlp.intervals.mean_interval`: Student's t, and from 30 runs on the BCa bootstrap.

    Returns:
        Columns `by`, mean, low, high, n; the band is NaN where n, the number of finite values, is below two.
    """
    values = rows[column].astype(float).replace([np.inf, -np.inf], np.nan)
    over = values.groupby([rows[name] for name in by], sort=False).agg(["mean", "std", "count"])
    n = over["count"]
    half_width = special.stdtrit(np.maximum(n - 1, 1), (1 + LEVEL) / 2) * over["std"] / np.sqrt(n)
    bands = pd.DataFrame(
        {"mean": over["mean"], "low": over["mean"] - half_width, "high": over["mean"] + half_width, "n": n}
    )
    bands = bands.reset_index()
    for row, (_, sample) in enumerate(values.groupby([rows[name] for name in by], sort=False)):
        if bands.loc[row, "n"] >= BOOTSTRAP_FROM:
            interval = mean_interval(sample.dropna(), LEVEL)
            bands.loc[row, ["low", "high"]] = interval.low, interval.high
    return bands
