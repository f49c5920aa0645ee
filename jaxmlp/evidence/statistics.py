"""Intervals and exact tests over runs: what every verdict is decided by.

A sample is one number per run (S of them, S seeds). The interval of a mean is that of `jaxmlp.intervals`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.intervals import Interval, checked_sample, has_no_variance, mean_interval, t_quantile

__all__ = [
    "Interval",
    "McNemar",
    "TwoGroups",
    "mcnemar",
    "mean_interval",
    "pair_by_seed",
    "prediction_interval",
    "proportion_interval",
    "two_groups",
]


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test of two yes/no outcomes paired by seed: the discordant counts and the two-sided p."""

    only_a: int
    only_b: int
    p_value: float


def pair_by_seed(a: pd.Series, b: pd.Series) -> tuple[pd.Series, pd.Series]:
    """`a` and `b` over the seeds both have [S]; each holds one number per run, indexed by seed.

    Their difference is the paired one: the same seed means the same split, data order and initial draws.
    """
    common = a.index.intersection(b.index).sort_values()
    return a.loc[common], b.loc[common]


def prediction_interval(sample: ArrayLike, level: float = 0.95, reading_error: float = 0.0) -> Interval:
    """Interval that holds one further run with probability `level`: mean ± t·s·√(1 + 1/S).

    `reading_error` is added at both ends, for a number read off a figure. A document's number is that of one
    run, so it is compared with this interval and not with the far narrower one of the mean.

    Raises:
        InputError: an empty sample, a value that is not finite, or a level outside (0, 1).
    """
    values = checked_sample(sample, level)
    n, mean = len(values), float(values.mean())
    if n == 1:
        return Interval(mean, -math.inf, math.inf, n, "a single run")
    spread = 0.0 if has_no_variance(values) else float(values.std(ddof=1))
    half_width = t_quantile(n, level) * spread * math.sqrt(1 + 1 / n) + reading_error
    return Interval(mean, mean - half_width, mean + half_width, n, "Student t prediction")


def proportion_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Exact interval of Clopper and Pearson (1934) for the share of runs that succeed.

    Raises:
        InputError: no runs, or more successes than runs.
    """
    if n < 1 or not 0 <= successes <= n:
        raise InputError(f"{successes} successes of {n} runs: give 0 <= successes <= n and n >= 1")
    ends = stats.binomtest(successes, n).proportion_ci(confidence_level=level, method="exact")
    return Interval(successes / n, float(ends.low), float(ends.high), n, "Clopper-Pearson")


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> McNemar:
    """Exact McNemar test of paired outcomes `a`, `b` [S]: are the pairs that differ split evenly?

    The p value is the two-sided binomial one of `only_a` among the discordant pairs; 1 where none differs.

    Raises:
        InputError: different numbers of outcomes.
    """
    if len(a) != len(b):
        raise InputError(f"{len(a)} and {len(b)} outcomes are not pairs: give one of each per seed")
    only_a = sum(bool(x) and not y for x, y in zip(a, b, strict=True))
    only_b = sum(bool(y) and not x for x, y in zip(a, b, strict=True))
    discordant = only_a + only_b
    p_value = float(stats.binomtest(only_a, discordant).pvalue) if discordant else 1.0
    return McNemar(only_a, only_b, p_value)


@dataclass(frozen=True)
class TwoGroups:
    """Runs that fall in two groups, such as those that train and those that collapse.

    Attributes:
        low: how many runs are in the lower group.
        n: of how many.
        medians: of the lower and of the upper group.
    """

    low: int
    n: int
    medians: tuple[float, float]


def two_groups(sample: ArrayLike, gap: float = 0.2) -> TwoGroups | None:
    """The two groups of `sample` [S], or None where the runs are one: then their mean says what they do.

    They are two where the widest gap between neighbouring runs is at least `gap` (20 points of accuracy) and wider than
    either group: a mean would lie where no run is.

    Raises:
        InputError: an empty sample, or a value that is not finite.

    >>> two_groups([0.97, 0.1, 0.98, 0.1, 0.97])
    TwoGroups(low=2, n=5, medians=(0.1, 0.97))
    """
    values = np.sort(checked_sample(sample, 0.95))
    if len(values) < 2:
        return None
    gaps = np.diff(values)
    cut = int(gaps.argmax()) + 1
    lower, upper = values[:cut], values[cut:]
    if gaps.max() < max(gap, float(np.ptp(lower)), float(np.ptp(upper))):
        return None
    return TwoGroups(cut, len(values), (float(np.median(lower)), float(np.median(upper))))
