"""Which number of each run a claim speaks of: a column, and when in training it is read.

`rows` is the tidy table of a study: one row per run and epoch, with at least `arm`, `seed` and `epoch` (0 is
before training). A measure counts only where every run of the arm has it: leaving out the runs that stopped
early or lost their loss to NaN or infinity would flatter the arm. Accuracies have no such gaps: a diverged run
counts as chance.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from jaxmlp.errors import InputError


class MissingResultsError(Exception):
    """The results do not hold what a claim needs; the message says what is missing."""


@dataclass(frozen=True)
class Measure:
    """One number per run: `column` read `when`; made by `at`, `final` and `best`."""

    column: str
    when: Literal["at", "final", "best"]
    epoch: int | None = None

    def __str__(self) -> str:
        return f"{self.column} at epoch {self.epoch}" if self.when == "at" else f"{self.when} {self.column}"


@dataclass(frozen=True)
class Value:
    """A measure of every run of one arm."""

    arm: str
    measure: Measure

    def __str__(self) -> str:
        return f"{self.measure} of {self.arm}"


def at(column: str, *, epoch: int) -> Measure:
    """`column` at one epoch; 0 is before training.

    Raises:
        InputError: a negative epoch.
    """
    if epoch < 0:
        raise InputError(f"epoch {epoch} of {column}: give 0 (before training) or a later epoch")
    return Measure(column, "at", epoch)


def final(column: str) -> Measure:
    """`column` in the last row of the run."""
    return Measure(column, "final")


def best(column: str) -> Measure:
    """The largest value of `column` over the epochs of the run."""
    return Measure(column, "best")


def check_rows(rows: pd.DataFrame) -> None:
    """Raise `InputError` unless `rows` has arm, seed and epoch, and each of their combinations once."""
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


def read(values: Sequence[Value], rows: pd.DataFrame) -> list[pd.Series]:
    """For each of `values` one number per run [S], indexed by seed.

    Raises:
        MissingResultsError: an arm, an epoch or a column is not in `rows`, or not finite in some run.
    """
    missing = [text for value in values if (text := _missing(value, rows))]
    if missing:
        raise MissingResultsError("; ".join(dict.fromkeys(missing)))
    return [_by_seed(value, rows) for value in values]


def _missing(value: Value, rows: pd.DataFrame) -> str | None:
    if value.measure.column not in rows:
        return f"column {value.measure.column} is not in the results"
    numbers = _by_seed(value, rows)
    if numbers.empty:
        return f"arm {value.arm} is not in the results"
    absent = int((~np.isfinite(numbers)).sum())
    return f"{value.measure} in {absent} of {len(numbers)} runs of {value.arm}" if absent else None


def _by_seed(value: Value, rows: pd.DataFrame) -> pd.Series:
    measure = value.measure
    arm = rows.loc[rows["arm"] == value.arm, ["seed", "epoch", measure.column]].sort_values(by=["seed", "epoch"])
    numbers = {
        seed: _READ[measure.when](run["epoch"].to_numpy(), run[measure.column].to_numpy(float), measure)
        for seed, run in arm.groupby("seed")
    }
    return pd.Series(numbers, dtype=float)


def _read_at(epochs: np.ndarray, numbers: np.ndarray, measure: Measure) -> float:
    there = numbers[epochs == measure.epoch]
    return float(there[0]) if len(there) else math.nan


def _read_final(epochs: np.ndarray, numbers: np.ndarray, measure: Measure) -> float:
    return float(numbers[-1])


def _read_best(epochs: np.ndarray, numbers: np.ndarray, measure: Measure) -> float:
    # fmax passes over NaN: a training loss, for one, does not exist before training.
    return float(np.fmax.reduce(numbers))


# One run's epochs [E + 1] and numbers [E + 1], in order, to its one number; NaN where it has none.
_READ: dict[str, Callable[[np.ndarray, np.ndarray, Measure], float]] = {
    "at": _read_at,
    "final": _read_final,
    "best": _read_best,
}
