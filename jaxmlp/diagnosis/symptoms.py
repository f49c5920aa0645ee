"""What a net that trains badly shows, each with its number: symptoms are no causes, they only say where to look.

Each symptom names the changes that it suggests; trials try these first.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.bar import Bar, constant_loss
from jaxmlp.diagnosis.data_checks import output_fits
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.study.tables import score_column_in


@dataclass(frozen=True)
class Symptom:
    """One thing that the runs as given show."""

    name: str
    sentence: str
    """In words, with its number."""
    suggests: tuple[str, ...]
    """Names of changes to try first."""


@dataclass(frozen=True)
class RunCurves:
    """What runs measured, by run and epoch from 0 on, [S, E + 1]; NaN after a run has ended."""

    loss: np.ndarray
    """Of training."""
    trained: np.ndarray
    """Training score."""
    tested: np.ndarray
    """Test score."""
    diverged: np.ndarray
    """[S]."""

    @property
    def last_loss(self) -> np.ndarray:
        """[S], of the last epoch of each run."""
        return _last(self.loss)

    @property
    def last_tested(self) -> np.ndarray:
        """[S]."""
        return _last(self.tested)

    @property
    def last_trained(self) -> np.ndarray:
        """[S]."""
        return _last(self.trained)


def run_curves(rows: pd.DataFrame) -> RunCurves:
    """The curves in a table of epochs, seeds in their order."""

    def wide(column: str) -> np.ndarray:
        return rows.pivot_table(index="seed", columns="epoch", values=column, dropna=False).to_numpy(float)

    lost = rows.groupby("seed")["diverged"].any().to_numpy(bool)
    return RunCurves(
        wide("train_loss"), wide(score_column_in(rows, "train")), wide(score_column_in(rows, "test")), lost
    )


def _last(values: np.ndarray) -> np.ndarray:
    """The last number of each row that there is; NaN where there is none."""
    ends = [row[~np.isnan(row)] for row in values]
    return np.array([row[-1] if len(row) else np.nan for row in ends])


Mask = NDArray[np.bool_]
Rule = Callable[[RunCurves, Setting, Dataset, Bar], str | None]
"""From the runs as given to the sentence, or None where they do not show it."""

POINTS = 0.1
"""Ten points of accuracy, or a tenth of the variance: a fall or a gap of at least so much is a symptom."""
HUGE = 1000.0
"""Times the loss of a constant answer: a loss above it has exploded."""


def symptoms_of(rows: pd.DataFrame, given: Setting, dataset: Dataset, bar: Bar) -> list[Symptom]:
    """The symptoms of a net's runs as given, the gravest first.

    Args:
        rows: the epochs of its runs.
        given: its setting.
        dataset: what it was trained on.
        bar: what a success is.
    """
    found, seen = [], run_curves(rows)
    for name, (rule, suggests) in _RULES.items():
        sentence = rule(seen, given, dataset, bar)
        if sentence is not None:
            found.append(Symptom(name, sentence, suggests))
    return found


def _share(runs: Mask) -> str:
    return f"In {int(runs.sum())} of {len(runs)} runs"


def _diverged(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    return f"{_share(seen.diverged)} the loss becomes infinite or NaN." if seen.diverged.any() else None


def _exploded(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    loss, constant = seen.last_loss, constant_loss(given.spec.loss, dataset)
    if constant is None:
        return None
    huge = ~seen.diverged & (loss > HUGE * constant)
    return f"{_share(huge)} the loss ends above {loss[huge].min():.2g}." if huge.any() else None


def _constant(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """Runs stay at the loss of a constant answer."""
    constant = constant_loss(given.spec.loss, dataset)
    if constant is None:
        return None
    there = (np.abs(seen.last_loss - constant) < 0.02 * constant) & _is_at_chance(seen, bar)
    if there.mean() < 0.5:
        return None
    return (
        f"{_share(there)} the training loss ends at {_constant_shown(constant, dataset)}, the loss of a constant "
        "answer: the net answers every input alike."
    )


def _constant_shown(constant: float, dataset: Dataset) -> str:
    classes = dataset.num_classes
    if classes and abs(constant - np.log(classes)) < 0.01:
        return f"{np.log(classes):.3f} = ln {classes}"
    return f"{constant:.3g}"


def _worse_than_constant(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    loss, constant = seen.last_loss, constant_loss(given.spec.loss, dataset)
    if constant is None:
        return None
    above = (loss > 1.02 * constant) & (loss <= HUGE * constant)
    if above.mean() < 0.5:
        return None
    size = float(np.median(loss[above]))
    return f"{_share(above)} the training loss ends at {size:.3g}, above the {constant:.3g} of a constant answer."


def _is_at_chance(seen: RunCurves, bar: Bar) -> Mask:
    return seen.last_tested <= bar.constant + 0.02


def _at_chance(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    there = _is_at_chance(seen, bar)
    if there.mean() < 0.5:
        return None
    most = "at R² 0.02 or below" if bar.task == "numbers" else f"at most 2 points above {bar.constant:.0%}"
    return f"{_share(there)} the test score ends {most}; a constant answer gets {bar.shown(bar.constant)}."


def _collapsed(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    fall = np.fmax.reduce(seen.tested, axis=1) - seen.last_tested
    fell = fall > POINTS
    if not fell.any():
        return None
    return f"{_share(fell)} the test score falls from its best by {_size(fall[fell], bar)}."


def _unstable(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    late = seen.tested[:, -max(2, given.spec.epochs - given.spec.epochs // 2) :]
    falls = np.nan_to_num(np.maximum(-np.diff(late, axis=1), 0.0)).mean(axis=1)
    unsteady = falls > POINTS / 2
    if not unsteady.any():
        return None
    size = _size(falls[unsteady], bar)
    return f"{_share(unsteady)} the test score falls by {size} an epoch, in the mean of the second half."


def _size(differences: np.ndarray, bar: Bar) -> str:
    """Falls or gaps in words, by their median."""
    size = float(np.median(differences))
    return f"{min(size, 999.0):.2f} of R²" if bar.task == "numbers" else f"{100 * size:.0f} points"


def _slow(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """The loss still falls at the end, by more than 2 % over the last quarter."""
    epochs = given.spec.epochs
    if epochs < 2 or seen.loss.shape[1] < 3:
        return None
    falls = seen.loss[:, -1] < 0.98 * seen.loss[:, -1 - max(1, epochs // 4)]
    slow = falls & (seen.last_tested < bar.value)
    if slow.mean() < 0.5:
        return None
    return f"{_share(slow)} the training loss still falls at the end, and the score is not there yet."


def _overfits(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    gap = seen.last_trained - seen.last_tested
    wide = (gap > POINTS) & (seen.last_trained > bar.constant + POINTS)
    if wide.mean() < 0.5:
        return None
    return f"{_share(wide)} the training score ends {_size(gap[wide], bar)} above the test score."


_STATISTICS = "the statistics that batch norm keeps for testing do not fit the net"


def _modes_differ(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """Trained well in training mode, tested badly: only batch norm's running statistics stand between the two."""
    constant = constant_loss(given.spec.loss, dataset)
    if given.spec.mlp.norm != "batch_norm" or constant is None:
        return None
    differ = (seen.last_loss < 0.5 * constant) & (seen.last_trained < bar.constant + 0.25)
    return f"{_share(differ)} the training loss is low and the score is not: {_STATISTICS}." if differ.any() else None


def _output_activation(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """No symptom of runs but of the net: what stands before a loss that takes logits."""
    output = given.spec.mlp.output
    if output == "none" or _fits(given, dataset) or not _mostly_fails(seen, bar):
        return None
    if dataset.task == "classes":
        return f"The loss {given.spec.loss.name} takes logits, and a {output} stands before it."
    targets = np.asarray(dataset.train_targets)
    return f"The output goes through {output}, and the targets lie from {targets.min():.3g} to {targets.max():.3g}."


LARGE = 10.0
"""Inputs or targets of this size, or its inverse, are far from 1."""


def _mostly_fails(seen: RunCurves, bar: Bar) -> bool:
    return bool((~(seen.last_tested >= bar.value)).mean() >= 0.5)


def _fits(given: Setting, dataset: Dataset) -> bool:
    """Whether the targets are numbers that the output can give."""
    return dataset.task == "numbers" and output_fits(given.spec, np.asarray(dataset.train_targets)).passed


def _unscaled(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    """Float inputs as they are, far from mean 0 and variance 1."""
    if given.spec.data.preprocessing != "none" or not _mostly_fails(seen, bar):
        return None
    sizes = np.sqrt(np.square(np.asarray(dataset.train_inputs, np.float64)).mean(0))
    if sizes.max() <= LARGE and sizes.max() <= LARGE**2 * max(sizes.min(), 1e-12):
        return None
    return f"The inputs are not scaled: root mean squares of columns go from {sizes.min():.3g} to {sizes.max():.3g}."


def _unscaled_targets(seen: RunCurves, given: Setting, dataset: Dataset, bar: Bar) -> str | None:
    if dataset.task != "numbers" or given.scaled_targets or not _mostly_fails(seen, bar):
        return None
    size = float(np.sqrt(np.square(np.asarray(dataset.train_targets, np.float64)).mean()))
    return f"The numbers to predict are of size {size:.3g}, far from 1." if not 1 / LARGE < size < LARGE else None


_RULES: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "diverged": (
        _diverged,
        ("rate_/10", "rate_/100", "scaled_inputs", "clip", "scaled_targets", "he", "smaller_start"),
    ),
    "exploded": (_exploded, ("rate_/10", "rate_/100", "scaled_inputs", "clip", "scaled_targets", "he")),
    "activation at the output": (_output_activation, ("no_output_activation", "fitting_loss")),
    "unscaled inputs": (_unscaled, ("scaled_inputs",)),
    "unscaled targets": (_unscaled_targets, ("scaled_targets",)),
    "answers all alike": (_constant, ("rate_x10", "rate_x100", "batch_norm", "relu", "he", "adam", "scaled_inputs")),
    "worse than a constant answer": (
        _worse_than_constant,
        ("rate_/10", "rate_/100", "scaled_inputs", "he", "smaller_start", "fitting_loss"),
    ),
    "at chance": (_at_chance, ("rate_x10", "adam", "he", "batch_norm", "relu", "scaled_inputs", "fitting_loss")),
    "collapsed": (_collapsed, ("rate_/10", "rate_/100", "clip", "steady_statistics", "residual")),
    "unstable": (_unstable, ("rate_/10", "larger_batch", "steady_statistics", "rate_/100")),
    "slow": (_slow, ("rate_x10", "rate_x100", "longer", "adam", "momentum", "scaled_inputs")),
    "overfits": (_overfits, ("shallower", "rate_/10", "larger_batch")),
    "training and testing differ": (_modes_differ, ("steady_statistics", "larger_batch", "layer_norm")),
}
"""The rule of every symptom and what it suggests, the gravest first."""
