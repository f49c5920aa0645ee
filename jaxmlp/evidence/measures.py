"""Which number of each run a claim speaks of: a column, and when in training it is read.

It is read of a study's tables, mostly of "epochs": one row per run and epoch, with at least `arm`, `seed` and `epoch`
(0 is before training). Of another table its declaration says which columns stand for these: `subject`, `pair`, `along`.
A measure counts only where every run of the arm has it: leaving out the runs that stopped early or lost their loss to
NaN or infinity would flatter the arm. Accuracies have no such gaps: a diverged run counts as chance.
"""

from dataclasses import dataclass, replace
from typing import Literal

from jaxmlp.errors import InputError
from jaxmlp.schema import TABLES, column_of, table_named
from jaxmlp.training.state import EPOCHS

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
    >>> from jaxmlp.evidence.readings import read
    >>> rows = synthetic_rows({"he": {"train_accuracy": [[0.1, 0.75]], "test_accuracy": [[0.1, 0.5]]}})
    >>> read([Value("he", final("train_accuracy", minus="test_accuracy"))], rows)[0].tolist()
    [0.25]
    """
    return Measure(column, "final", minus=minus)


def best(column: str) -> Measure:
    """The largest value of `column` over the epochs of the run.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> from jaxmlp.evidence.readings import read
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.9, 0.7]]}})
    >>> read([Value("he", best("val_accuracy"))], rows)[0].tolist()
    [0.9]
    """
    return Measure(column, "best")


def lowest(column: str) -> Measure:
    """The smallest value of `column` over the epochs of the run.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> from jaxmlp.evidence.readings import read
    >>> rows = synthetic_rows({"he": {"train_loss": [[2.3, 0.1, 0.4]]}})
    >>> read([Value("he", lowest("train_loss"))], rows)[0].tolist()
    [0.1]
    """
    return Measure(column, "lowest")


def best_epoch(column: str) -> Measure:
    """The epoch of the largest value of `column`, from epoch 1 on; the first of several (S-090).

    >>> from jaxmlp.evidence import synthetic_rows
    >>> from jaxmlp.evidence.readings import read
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.7, 0.9, 0.9]]}})
    >>> read([Value("he", best_epoch("val_accuracy"))], rows)[0].tolist()
    [2.0]
    """
    return Measure(column, "best epoch of")


def largest_drop(column: str) -> Measure:
    """The largest fall of `column` from one epoch to the next; 0 if it never falls.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> from jaxmlp.evidence.readings import read
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.25, 1.0, 0.5, 0.75]]}})
    >>> read([Value("he", largest_drop("val_accuracy"))], rows)[0].tolist()
    [0.5]
    """
    return Measure(column, "largest drop of")


def fall(column: str) -> Measure:
    """How far `column` ends below its largest value from epoch 1 on.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> from jaxmlp.evidence.readings import read
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
    >>> from jaxmlp.evidence.readings import read
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.25, 0.5, 1.0]]}})
    >>> read([Value("he", change("val_accuracy", since=1))], rows)[0].tolist()
    [0.5]
    """
    return replace(at(column, epoch=since), when="change since")


def reached(column: str, threshold: float) -> Measure:
    """Epochs until `column` first is at least `threshold`, on the straight line between one epoch and the next.

    A run that never reaches it counts as one epoch longer than it was. That is too small, but no run is left out.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> from jaxmlp.evidence.readings import read
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
    >>> from jaxmlp.evidence.readings import read
    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.3, 0.1, 0.3, 0.1]]}})
    >>> read([Value("he", fluctuation("val_accuracy", since=0))], rows)[0].round(2).tolist()  # a rise, a zigzag
    [0.0, 0.27]
    """
    return replace(at(column, epoch=since), when="fluctuation since")


def at_best(column: str, *, of: str) -> Measure:
    """`column` at the epoch of the largest `of`, from epoch 1 on; the first of several (S-090).

    >>> from jaxmlp.evidence import synthetic_rows
    >>> from jaxmlp.evidence.readings import read
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
    >>> from jaxmlp.evidence.readings import read
    >>> run = {"val_accuracy": [[0.0, 0.5, 0.75, 1.0]], "learning_rate": [[0.1, 0.1, 0.1, 0.01]]}
    >>> read([Value("he", gain_after_cuts("val_accuracy", first=1))], synthetic_rows({"he": run}))[0].tolist()
    [0.25]
    """
    if first < 1:
        raise InputError(f"the gain after the first {first} cuts: give 1 or more")
    return Measure(column, "smallest gain after a cut of", beside="learning_rate", count=first)
