"""Which number of each run a claim speaks of: a column, and when in training it is read.

It is read of a study's tables, mostly of "epochs": one row per run and epoch, with at least `arm`, `seed` and `epoch`
(0 is before training). Of another table its declaration says which columns stand for these: `subject`, `pair`, `along`.
A measure counts only where every run of the arm has it: leaving out the runs that stopped early or lost their loss to
NaN or infinity would flatter the arm. Accuracies have no such gaps: a diverged run counts as chance.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from jaxmlp.errors import InputError
from jaxmlp.evidence.runs import Tables, by_name
from jaxmlp.schema import TABLES, column_of, table_named
from jaxmlp.training.state import EPOCHS


class MissingResultsError(Exception):
    """The results do not hold what a claim needs; the message says what is missing."""


When = Literal[
    "at", "final", "best", "lowest", "best epoch of", "largest drop of", "fall from its best of", "change since",
    "fluctuation since", "reached", "at the best", "smallest gain after a cut of",
]  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """One number per run: `column` read `when`; made by the functions below.

    >>> str(final("train_accuracy", minus="test_accuracy")), final("train_accuracy", minus="test_accuracy").unit
    ('final train_accuracy minus test_accuracy', 'pp')
    """

    column: str
    when: When
    epoch: int | None = None
    minus: str | None = None
    """A column to subtract, epoch by epoch: training minus test accuracy is the generalization gap."""
    threshold: float | None = None
    beside: str | None = None
    """A second column, which says where `column` is read."""
    count: int | None = None
    """Of how many cuts."""

    def __str__(self) -> str:
        return self.along()

    def along(self, key: str = "epoch") -> str:
        """In words, of a curve along this key."""
        of = self.column if self.minus is None else f"{self.column} minus {self.minus}"
        match self.when:
            case "at":
                return f"{of} at {key} {self.epoch}"
            case "change since" | "fluctuation since":
                return f"{self.when.removesuffix(' since')} of {of} since {key} {self.epoch}"
            case "reached":
                return f"{key}s until {of} reaches {self.threshold:g}"
            case "at the best":
                return f"{of} at the best {self.beside}"
            case "smallest gain after a cut of":
                return f"smallest gain of {of} after one of the first {self.count} cuts of the {self.beside}"
            case _:
                return f"{self.when} {of}"

    @property
    def unit(self) -> str:
        """What its numbers are: "accuracy", differences of those ("pp"), "epochs", "s", or "" for a loss and others."""
        if self.when in ("best epoch of", "reached"):
            return "epochs"
        unit = column_of(self.column).unit
        if unit != "accuracy":
            return "s" if unit == "s" else ""
        return "accuracy" if self.minus is None and self.when in _LEVELS else "pp"


_LEVELS = ("at", "final", "best", "lowest", "at the best")
"""When a number is the column's own, not one of its changes."""


@dataclass(frozen=True)
class Value:
    """A measure of every run of one arm, or of whatever else a table compares.

    >>> str(Value("he", at("val_accuracy", epoch=1)))
    'val_accuracy at epoch 1 of he'
    """

    arm: str
    """The arm; of another table one of its subjects."""
    measure: Measure
    table: str = EPOCHS.name
    """The name of the table that it is read of."""

    def __str__(self) -> str:
        along = table_named(self.table).along if self.table in TABLES else None
        return f"{self.measure.along(along or 'epoch')} of {self.arm}"


def at(column: str, *, epoch: int) -> Measure:
    """`column` at one epoch; 0 is before training.

    Raises:
        InputError: a negative epoch.

    >>> str(at("val_accuracy", epoch=0))
    'val_accuracy at epoch 0'
    >>> at("val_accuracy", epoch=-1)
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: epoch -1 of val_accuracy: give 0 (before training) or a later epoch
    """
    if epoch < 0:
        raise InputError(f"epoch {epoch} of {column}: give 0 (before training) or a later epoch")
    return Measure(column, "at", epoch)


def final(column: str, *, minus: str | None = None) -> Measure:
    """`column` in the last row of the run, less the column `minus` where there is one.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"train_accuracy": [[0.1, 0.75]], "test_accuracy": [[0.1, 0.5]]}})
    >>> read([Value("he", final("train_accuracy", minus="test_accuracy"))], rows)[0].tolist()
    [0.25]
    """
    return Measure(column, "final", minus=minus)


def best(column: str) -> Measure:
    """The largest value of `column` over the epochs of the run.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.9, 0.7]]}})
    >>> read([Value("he", best("val_accuracy"))], rows)[0].tolist()
    [0.9]
    """
    return Measure(column, "best")


def lowest(column: str) -> Measure:
    """The smallest value of `column` over the epochs of the run.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"train_loss": [[2.3, 0.1, 0.4]]}})
    >>> read([Value("he", lowest("train_loss"))], rows)[0].tolist()
    [0.1]
    """
    return Measure(column, "lowest")


def best_epoch(column: str) -> Measure:
    """The epoch of the largest value of `column`, from epoch 1 on; the first of several (S-090).

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.7, 0.9, 0.9]]}})
    >>> read([Value("he", best_epoch("val_accuracy"))], rows)[0].tolist()
    [2.0]
    """
    return Measure(column, "best epoch of")


def largest_drop(column: str) -> Measure:
    """The largest fall of `column` from one epoch to the next; 0 if it never falls.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.25, 1.0, 0.5, 0.75]]}})
    >>> read([Value("he", largest_drop("val_accuracy"))], rows)[0].tolist()
    [0.5]
    """
    return Measure(column, "largest drop of")


def fall(column: str) -> Measure:
    """How far `column` ends below its largest value from epoch 1 on.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.25, 1.0, 0.5, 0.75]]}})
    >>> read([Value("he", fall("val_accuracy"))], rows)[0].tolist()
    [0.25]
    """
    return Measure(column, "fall from its best of")


def change(column: str, *, since: int) -> Measure:
    """`column` in the last row of the run minus its value at epoch `since`.

    Raises:
        InputError: a negative epoch.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.25, 0.5, 1.0]]}})
    >>> read([Value("he", change("val_accuracy", since=1))], rows)[0].tolist()
    [0.5]
    """
    return replace(at(column, epoch=since), when="change since")


def reached(column: str, threshold: float) -> Measure:
    """Epochs until `column` first is at least `threshold`, on the straight line between one epoch and the next.

    A run that never reaches it counts as one epoch longer than it was. That is too small, but no run is left out.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.0, 0.5, 1.0], [0.0, 0.1, 0.2]]}})
    >>> read([Value("he", reached("val_accuracy", 0.75))], rows)[0].tolist()  # the second run never gets there
    [1.5, 3.0]
    """
    return Measure(column, "reached", threshold=threshold)


def fluctuation(column: str, *, since: int) -> Measure:
    """How rough `column` is from epoch `since` on: the standard deviation of its second differences, by √3.

    Noise counts the same around a rise as around a level. The rise itself does not count, nor does an even slowing
    of it.

    Raises:
        InputError: a negative epoch.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.3, 0.1, 0.3, 0.1]]}})
    >>> read([Value("he", fluctuation("val_accuracy", since=0))], rows)[0].round(2).tolist()  # a rise, a zigzag
    [0.0, 0.27]
    """
    return replace(at(column, epoch=since), when="fluctuation since")


def at_best(column: str, *, of: str) -> Measure:
    """`column` at the epoch of the largest `of`, from epoch 1 on; the first of several (S-090).

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.9, 0.7]], "train_accuracy": [[0.1, 0.8, 1.0]]}})
    >>> read([Value("he", at_best("train_accuracy", of="val_accuracy"))], rows)[0].tolist()
    [0.8]
    """
    return Measure(column, "at the best", beside=of)


def gain_after_cuts(column: str, *, first: int) -> Measure:
    """The smallest gain of `column` after one of the `first` cuts of the learning rate.

    The gain after a cut is the best value until the next cut minus the best value before. A run whose rate was never
    cut gains 0.

    Raises:
        InputError: less than one cut.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> run = {"val_accuracy": [[0.0, 0.5, 0.75, 1.0]], "learning_rate": [[0.1, 0.1, 0.1, 0.01]]}
    >>> read([Value("he", gain_after_cuts("val_accuracy", first=1))], synthetic_rows({"he": run}))[0].tolist()
    [0.25]
    """
    if first < 1:
        raise InputError(f"the gain after the first {first} cuts: give 1 or more")
    return Measure(column, "smallest gain after a cut of", beside="learning_rate", count=first)


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
