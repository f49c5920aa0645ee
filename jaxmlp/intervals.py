"""The interval of a mean over runs: one function for tables, figures and verdicts.

A sample is one number per run (S of them, S seeds). The method follows measured coverage: a bootstrap of five
runs covers 86 % where it promises 95 %, Student's t 95 to 97 %; so t below 30 runs, and from 30 on the BCa
bootstrap, which follows skewed samples.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from jaxmlp.errors import InputError

BOOTSTRAP_FROM = 30
BOOTSTRAP_RESAMPLES = 9999
# Spread below this share of the largest value is rounding, not variation between runs.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Interval:
    """An estimate from n runs and the interval around it; an end is infinite where n is too small for one."""

    estimate: float
    low: float
    high: float
    n: int
    method: str

    def is_above(self, bound: float) -> bool:
        """Whether the whole interval is larger than `bound`."""
        return self.low > bound

    def is_below(self, bound: float) -> bool:
        """Whether the whole interval is smaller than `bound`."""
        return self.high < bound

    def is_within(self, margin: float) -> bool:
        """Whether the whole interval is nearer to 0 than `margin`: two one-sided tests in one look."""
        return -margin < self.low and self.high < margin

    def is_outside(self, margin: float) -> bool:
        """Whether the whole interval is farther from 0 than `margin`, on one side."""
        return self.low > margin or self.high < -margin


def mean_interval(sample: ArrayLike, level: float = 0.95) -> Interval:
    """Interval for the mean of `sample` [S] at confidence `level`.

    Student's t for S < 30, BCa bootstrap (Efron 1987; a fixed key, so a report can be rebuilt) from 30 on.
    A sample without variance has an interval of width 0; a single run has an infinite one.

    Raises:
        InputError: an empty sample, a value that is not finite, or a level outside (0, 1).
    """
    values = checked_sample(sample, level)
    n, mean = len(values), float(values.mean())
    if n == 1:
        return Interval(mean, -math.inf, math.inf, n, "a single run")
    if has_no_variance(values):
        return Interval(float(values[0]), float(values[0]), float(values[0]), n, "no variance")
    if n < BOOTSTRAP_FROM:
        half_width = t_quantile(n, level) * float(values.std(ddof=1)) / math.sqrt(n)
        return Interval(mean, mean - half_width, mean + half_width, n, "Student t")
    ends = stats.bootstrap(
        (np.sort(values),),  # so that the order of the rows does not matter
        np.mean,
        confidence_level=level,
        n_resamples=BOOTSTRAP_RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(mean, float(ends.low), float(ends.high), n, "BCa bootstrap")


def checked_sample(sample: ArrayLike, level: float) -> np.ndarray:
    """The sample as float64 [S].

    Raises:
        InputError: an empty sample, a value that is not finite, or a level outside (0, 1).
    """
    values = np.asarray(sample, dtype=float).ravel()
    if len(values) == 0 or not np.isfinite(values).all():
        raise InputError(f"a sample of {len(values)} runs, some not finite: give one finite number per run")
    if not 0 < level < 1:
        raise InputError(f"confidence level {level}: give a number between 0 and 1, such as 0.95")
    return values


def has_no_variance(values: np.ndarray) -> bool:
    """Whether the runs differ by no more than rounding."""
    return float(np.ptp(values)) <= ROUNDING * float(np.abs(values).max())


def t_quantile(n: int, level: float) -> float:
    """Student's t of `n` runs that leaves (1 - level)/2 above it."""
    return float(stats.t.ppf((1 + level) / 2, n - 1))
