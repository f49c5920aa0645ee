"""What a net that trains badly shows, each with its number: symptoms are no causes, they only say where to look.

Each symptom names the changes that it suggests; trials try these first.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.outcomes import Bar, constant_loss
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.study.tables import last_rows


@dataclass(frozen=True)
class Symptom:
    """One thing that the runs as given show."""

    name: str
    sentence: str
    """In words, with its number."""
    suggests: tuple[str, ...]
    """Names of changes to try first."""


Rule = Callable[[pd.DataFrame, Setting, Dataset, Bar], str | None]
"""From the rows of the runs as given to the sentence, or None where they do not show it."""

POINTS = 0.1
"""Ten points of accuracy: a fall or a gap of at least so much is a symptom."""


def symptoms_of(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> list[Symptom]:
    """The symptoms of a net's runs as given, the gravest first.

    Args:
        rows: the epochs of its runs.
        given: its setting.
        dataset: what it was trained on.
        bar: what a success is.
    """
    found = []
    for name, (rule, suggests) in _RULES.items():
        sentence = rule(rows, given, dataset, bar)
        if sentence is not None:
            found.append(Symptom(name, sentence, suggests))
    return found


def _share(rows: pd.Series) -> str:
    return f"In {int(rows.sum())} of {len(rows)} runs"


def _finals(rows: pd.DataFrame) -> pd.DataFrame:
    return last_rows(rows).set_index("seed")


def _diverged(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    lost = _finals(rows)["diverged"].astype(bool)
    return f"{_share(lost)} the loss becomes infinite or NaN." if lost.any() else None


def _exploded(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    loss = _finals(rows)["train_loss"]
    huge = loss > 1000 * constant_loss(dataset)
    return f"{_share(huge)} the loss ends above {loss[huge].min():.2g}." if huge.any() else None


def _constant(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """All runs stay at the loss of a constant answer."""
    if given.spec.loss.name != "cross_entropy":
        return None
    loss, constant = _finals(rows)["train_loss"], constant_loss(dataset)
    there = (loss - constant).abs() < 0.02 * constant
    if there.mean() < 0.5:
        return None
    of_equals = abs(constant - np.log(dataset.num_classes)) < 0.01
    value = f"{np.log(dataset.num_classes):.3f} = ln {dataset.num_classes}" if of_equals else f"{constant:.3f}"
    return (
        f"{_share(there)} the training loss ends at {value}, the loss of a constant answer: the net answers every "
        "input alike."
    )


def _worse_than_constant(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    if given.spec.loss.name != "cross_entropy":
        return None
    loss, constant = _finals(rows)["train_loss"], constant_loss(dataset)
    above = (loss > 1.02 * constant) & (loss <= 1000 * constant)
    if above.mean() < 0.5:
        return None
    return (
        f"{_share(above)} the training loss ends at {loss[above].median():.3g}, above the {constant:.3g} of a constant "
        "answer."
    )


def _at_chance(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    accuracy = _finals(rows)["test_accuracy"]
    there = accuracy <= bar.constant + 0.02
    if there.mean() < 0.5:
        return None
    return f"{_share(there)} the test accuracy ends at most 2 points above the {bar.constant:.0%} of a constant answer."


def _collapsed(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    best = rows.groupby("seed")["test_accuracy"].max()
    fall = best - _finals(rows)["test_accuracy"]
    fell = fall > POINTS
    if not fell.any():
        return None
    return f"{_share(fell)} the test accuracy falls from its best by {100 * fall[fell].median():.0f} points."


def _unstable(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    late = rows[rows["epoch"] > given.spec.epochs // 2].sort_values("epoch")
    falls = late.groupby("seed")["test_accuracy"].apply(lambda values: values.diff().clip(upper=0).abs().mean())
    unsteady = falls > POINTS / 2
    if not unsteady.any():
        return None
    points = 100 * falls[unsteady].median()
    return (
        f"{_share(unsteady)} the test accuracy falls by {points:.0f} points an epoch, in the mean of the second half."
    )


def _slow(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """The loss still falls at the end, by more than 2 % over the last quarter."""
    epochs = given.spec.epochs
    quarter = max(1, epochs // 4)
    if epochs < 2:
        return None
    loss = rows.pivot_table(index="seed", columns="epoch", values="train_loss", aggfunc="first")
    falls = loss[epochs] < 0.98 * loss[max(1, epochs - quarter)] if epochs in loss else pd.Series(dtype=bool)
    below = _finals(rows)["test_accuracy"] < bar.value
    slow = falls.reindex(below.index, fill_value=False) & below
    if slow.mean() < 0.5:
        return None
    return f"{_share(slow)} the training loss still falls at the end, and the accuracy is not there yet."


def _overfits(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    last = _finals(rows)
    gap = last["train_accuracy"] - last["test_accuracy"]
    wide = gap > POINTS
    if wide.mean() < 0.5:
        return None
    return f"{_share(wide)} the training accuracy ends {100 * gap[wide].median():.0f} points above the test accuracy."


_STATISTICS = "the statistics that batch norm keeps for testing do not fit the net"


def _modes_differ(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """Trained well in training mode, tested badly: only batch norm's running statistics stand between the two."""
    if given.spec.mlp.norm != "batch_norm" or given.spec.loss.name != "cross_entropy":
        return None
    last = _finals(rows)
    differ = (last["train_loss"] < 0.5 * constant_loss(dataset)) & (last["train_accuracy"] < bar.constant + 0.25)
    return (
        f"{_share(differ)} the training loss is low and the accuracy is not: {_STATISTICS}." if differ.any() else None
    )


_RULES: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "diverged": (_diverged, ("rate_/10", "rate_/100", "scaled_inputs", "clip", "he", "smaller_start")),
    "exploded": (_exploded, ("rate_/10", "rate_/100", "scaled_inputs", "clip", "he", "smaller_start")),
    "answers all alike": (_constant, ("relu", "batch_norm", "he", "adam", "rate_x10", "rate_x100", "scaled_inputs")),
    "worse than a constant answer": (
        _worse_than_constant,
        ("rate_/10", "scaled_inputs", "he", "smaller_start", "rate_/100"),
    ),
    "at chance": (_at_chance, ("adam", "he", "batch_norm", "relu", "rate_x10", "scaled_inputs", "cross_entropy")),
    "collapsed": (_collapsed, ("rate_/10", "clip", "steady_statistics", "residual", "rate_/100")),
    "unstable": (_unstable, ("rate_/10", "larger_batch", "steady_statistics", "rate_/100")),
    "slow": (_slow, ("rate_x10", "longer", "adam", "rate_x100", "momentum", "scaled_inputs")),
    "overfits": (_overfits, ("shallower", "rate_/10", "larger_batch")),
    "training and testing differ": (_modes_differ, ("steady_statistics", "larger_batch", "layer_norm")),
}
"""The rule of every symptom and what it suggests, the gravest first."""
