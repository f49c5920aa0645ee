"""Reads measures: one number of each run, from the tables of a study, or what is missing there."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxmlp.errors import InputError
from jaxmlp.evidence.measures import Measure, Value
from jaxmlp.evidence.runs import Tables, by_name
from jaxmlp.schema import TABLES, table_named
from jaxmlp.training.state import EPOCHS


class MissingResultsError(Exception):
    """The results do not hold what a claim needs; the message says what is missing."""


def check_rows(tables: Tables) -> None:
    """Raise `InputError` unless "epochs" has arm, seed and epoch, and each of their combinations once, and every other
    declared table what it declares.
    """
    for name, table in by_name(tables).items():
        if name != EPOCHS.name and name in TABLES:
            table_named(name).check(table)
    rows = by_name(tables)[EPOCHS.name]
    absent = [name for name in ("arm", "seed", "epoch") if name not in rows]
    if absent:
        raise InputError(f"the results have no column {', '.join(absent)}: give one row per run and epoch")
    repeated = rows[rows.duplicated(["arm", "seed", "epoch"])]
    if len(repeated):
        first = repeated.iloc[0]
        raise InputError(
            f"the results hold arm {first['arm']}, seed {first['seed']}, epoch {first['epoch']} twice: "
            "give the rows of one study"
        )


def read(values: Sequence[Value], tables: Tables) -> list[pd.Series]:
    """For each of `values` one number per run [S], indexed by seed; of another table per pair, indexed by that.

    Raises:
        MissingResultsError: a table, an arm, an epoch or a column is not there, or not finite in some run.
    """
    missing = [text for value in values if (text := _missing(value, by_name(tables)))]
    if missing:
        raise MissingResultsError("; ".join(dict.fromkeys(missing)))
    return [_by_pair(value, by_name(tables)) for value in values]


def never_reached(value: Value, tables: Tables) -> int:
    """How many runs never get where `reached` looks for them; 0 of any other measure."""
    if value.measure.when != "reached":
        return 0
    curves = _curves(value, by_name(tables))
    return sum(_read_reached(curve, value.measure) > curve.epochs[-1] for curve in curves.values())


def _missing(value: Value, tables: Mapping[str, pd.DataFrame]) -> str | None:
    if value.table not in tables:
        return f"table {value.table} is not in the results"
    absent = [column for column in _columns(value.measure) if column not in tables[value.table]]
    if absent:
        return f"column {absent[0]} is not in the results"
    numbers = _by_pair(value, tables)
    if numbers.empty:
        return f"{table_named(value.table).subject} {value.arm} is not in the results"
    lost = int((~np.isfinite(numbers)).sum())
    return f"{value.measure} in {lost} of {len(numbers)} runs of {value.arm}" if lost else None


def _columns(measure: Measure) -> list[str]:
    return [name for name in (measure.column, measure.minus, measure.beside) if name is not None]


def _by_pair(value: Value, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    numbers = {pair: _READ[value.measure.when](curve, value.measure) for pair, curve in _curves(value, tables).items()}
    return pd.Series(numbers, dtype=float)


def _curves(value: Value, tables: Mapping[str, pd.DataFrame]) -> dict[Hashable, "_Curve"]:
    """By pair, such as a seed, what the value's subject has along the table's key."""
    declared = table_named(value.table)
    keys = [name for name in (declared.pair, declared.along) if name is not None]
    rows = tables[value.table]
    chosen = list(dict.fromkeys([*keys, *_columns(value.measure)]))
    own = rows.loc[rows[declared.subject] == value.arm, chosen].sort_values(by=keys)
    return {pair: _curve(one, value.measure, declared.along) for pair, one in own.groupby(declared.pair)}


class _Curve(NamedTuple):
    """One run over its epochs, in order: [E + 1] each."""

    epochs: np.ndarray
    numbers: np.ndarray
    beside: np.ndarray = np.empty(0)

    def trained(self) -> "_Curve":
        """From epoch 1 on."""
        after = self.epochs >= 1
        return _Curve(self.epochs[after], self.numbers[after], self.beside[after[: len(self.beside)]])


def _curve(run: pd.DataFrame, measure: Measure, along: str | None) -> _Curve:
    numbers, *others = (run[name].to_numpy(float) for name in _columns(measure))
    if measure.minus is not None:
        numbers, others = numbers - others[0], others[1:]
    return _Curve(np.zeros(len(run)) if along is None else run[along].to_numpy(), numbers, *others)


def _read_at(curve: _Curve, measure: Measure) -> float:
    there = curve.numbers[curve.epochs == measure.epoch]
    return float(there[0]) if len(there) else math.nan


def _read_final(curve: _Curve, measure: Measure) -> float:
    return float(curve.numbers[-1])


def _read_best(curve: _Curve, measure: Measure) -> float:
    # fmax passes over NaN: a training loss, for one, does not exist before training.
    return float(np.fmax.reduce(curve.numbers))


def _read_lowest(curve: _Curve, measure: Measure) -> float:
    return float(np.fmin.reduce(curve.numbers))


def _read_best_epoch(curve: _Curve, measure: Measure) -> float:
    return _at_peak(curve.numbers, curve.epochs, curve.epochs)


def _read_at_best(curve: _Curve, measure: Measure) -> float:
    return _at_peak(curve.beside, curve.numbers, curve.epochs)


def _at_peak(numbers: np.ndarray, wanted: np.ndarray, epochs: np.ndarray) -> float:
    """`wanted` at the first epoch from 1 on with the largest of `numbers`; NaN where there is none."""
    there = (epochs >= 1) & np.isfinite(numbers)
    return float(wanted[there][np.argmax(numbers[there])]) if there.any() else math.nan


def _read_largest_drop(curve: _Curve, measure: Measure) -> float:
    numbers = curve.trained().numbers
    return float(max(0.0, *(numbers[:-1] - numbers[1:]))) if len(numbers) > 1 else 0.0


def _read_fall(curve: _Curve, measure: Measure) -> float:
    numbers = curve.trained().numbers
    return float(np.fmax.reduce(numbers) - numbers[-1]) if len(numbers) else math.nan


def _read_change(curve: _Curve, measure: Measure) -> float:
    return _read_final(curve, measure) - _read_at(curve, measure)


def _read_reached(curve: _Curve, measure: Measure) -> float:
    assert measure.threshold is not None
    epochs, numbers, _ = curve
    there = np.flatnonzero(numbers >= measure.threshold)
    if not len(there):
        return float(epochs[-1] + 1) if np.isfinite(numbers).any() else math.nan
    now = int(there[0])
    before = numbers[now - 1] if now else math.nan
    if not math.isfinite(before):
        return float(epochs[now])
    share = (measure.threshold - before) / (numbers[now] - before)
    return float(epochs[now - 1] + share * (epochs[now] - epochs[now - 1]))


def _read_fluctuation(curve: _Curve, measure: Measure) -> float:
    changes = np.diff(curve.numbers[curve.epochs >= (measure.epoch or 0)], n=2)
    return float(np.std(changes, ddof=1) / math.sqrt(3)) if len(changes) > 1 else math.nan


def _read_gain_after_cuts(curve: _Curve, measure: Measure) -> float:
    _, numbers, rates = curve.trained()
    cuts = 1 + np.flatnonzero(rates[1:] < rates[:-1])  # the first epoch at each lower rate
    pieces = np.split(numbers, cuts)
    gains = [after.max() - numbers[:cut].max() for cut, after in zip(cuts, pieces[1:], strict=True)]
    return float(min(gains[: measure.count], default=0.0))


# One run to its one number; NaN where it has none.
_READ: dict[str, Callable[[_Curve, Measure], float]] = {
    "at": _read_at,
    "final": _read_final,
    "best": _read_best,
    "lowest": _read_lowest,
    "best epoch of": _read_best_epoch,
    "largest drop of": _read_largest_drop,
    "fall from its best of": _read_fall,
    "change since": _read_change,
    "fluctuation since": _read_fluctuation,
    "reached": _read_reached,
    "at the best": _read_at_best,
    "smallest gain after a cut of": _read_gain_after_cuts,
}
