"""From trials to an answer: which changes repair a net, which only help, and which sets of them are minimal.

Few seeds screen the changes. Those that look good are confirmed on fresh seeds, whose number was fixed before: the
screening chose them, so it cannot also judge them. The effect of a change is R, the share of runs that succeed with it
less the share without, paired by seed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.evidence.statistics import mcnemar, proportion_interval

REPAIRED_SHARE = 0.9
"""Of the fresh runs that must succeed with a change that repairs."""
FAMILY_LEVEL = 0.05
"""Chance that any of the confirmed changes is said to help and does not (Holm over them all)."""
MOST_TIMES = 10
"""More than ten times the runs is no advice."""


@dataclass(frozen=True)
class Effect:
    """What a change did to the share of successes, on fresh seeds."""

    successes: int
    """With the change."""
    before: int
    """Without it."""
    n: int
    """Pairs of runs."""
    low: float
    high: float
    """95 % interval of R by Newcombe's method for paired shares."""
    p_value: float
    """Exact McNemar, two-sided, corrected by Holm over all confirmed changes."""

    @property
    def estimate(self) -> float:
        """R, the difference of the shares."""
        return (self.successes - self.before) / self.n

    @property
    def helps(self) -> bool:
        """Whether more runs succeed than before, beyond chance."""
        return self.low > 0 and self.p_value <= FAMILY_LEVEL

    @property
    def repairs(self) -> bool:
        """Whether it helps, and at least nine runs in ten succeed."""
        return self.helps and self.successes >= REPAIRED_SHARE * self.n


def effects(with_change: Mapping[str, Sequence[bool]], before: Sequence[bool]) -> dict[str, Effect]:
    """The effect of every change, its p value corrected for how many there are.

    Args:
        with_change: whether each run succeeded, by change; the same seeds in the same order as `before`.
        before: whether each run of the net as given succeeded.

    Raises:
        InputError: outcomes that are not pairs.

    >>> found = effects({"relu": [True] * 20, "tanh": [False] * 20}, [False] * 20)
    >>> found["relu"].repairs, found["tanh"].helps
    (True, False)
    """
    p_values = {name: mcnemar(list(runs), list(before)).p_value for name, runs in with_change.items()}
    corrected = holm(p_values)
    found = {}
    for name, runs in with_change.items():
        low, high = paired_share_interval(runs, before)
        found[name] = Effect(sum(runs), sum(before), len(before), low, high, corrected[name])
    return found


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction (1979): sorted upwards, the i-th of m is multiplied by m − i, never falling.

    >>> holm({"a": 0.01, "b": 0.03, "c": 0.04})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    corrected, largest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}


def paired_share_interval(a: Sequence[bool], b: Sequence[bool], level: float = 0.95) -> tuple[float, float]:
    """Interval of a difference of paired shares, Newcombe's method 10 (1998).

    With p̂ the shares, l and u their Wilson limits and φ the correlation of the pairs, corrected for continuity:

        low = p̂_a − p̂_b − √((p̂_a − l_a)² − 2φ(p̂_a − l_a)(u_b − p̂_b) + (u_b − p̂_b)²)

    and the upper limit with the roles exchanged.

    Args:
        a: outcomes [S].
        b: outcomes of the same seeds [S].
        level: of confidence.

    Returns:
        (low, high) of p_a − p_b.

    Raises:
        InputError: no pairs, or different numbers of outcomes.
    """
    if len(a) != len(b) or not len(a):
        raise InputError(f"{len(a)} and {len(b)} outcomes are not pairs: give one of each per seed")
    x, y = np.asarray(a, bool), np.asarray(b, bool)
    n, p_a, p_b = len(x), float(x.mean()), float(y.mean())
    low_a, high_a = _wilson(int(x.sum()), n, level)
    low_b, high_b = _wilson(int(y.sum()), n, level)
    phi = _phi(x, y)

    def width(d: float, e: float) -> float:
        return math.sqrt(max(d * d - 2 * phi * d * e + e * e, 0.0))

    difference = p_a - p_b
    return difference - width(p_a - low_a, high_b - p_b), difference + width(high_a - p_a, p_b - low_b)


def _wilson(successes: int, n: int, level: float) -> tuple[float, float]:
    ends = stats.binomtest(successes, n).proportion_ci(confidence_level=level, method="wilson")
    return float(ends.low), float(ends.high)


def _phi(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of the pairs, with Newcombe's correction for continuity; 0 where a margin is empty."""
    n, both, neither = len(x), int((x & y).sum()), int((~x & ~y).sum())
    only_x, only_y = int((x & ~y).sum()), int((~x & y).sum())
    margins = (both + only_x) * (only_y + neither) * (both + only_y) * (only_x + neither)
    if margins == 0:
        return 0.0
    excess = both * neither - only_x * only_y
    excess = max(excess - n / 2, 0.0) if excess > 0 else float(excess)
    return excess / math.sqrt(margins)


def runs_to_decide(effect: Effect, compared: int) -> int | None:
    """How many pairs would tell an effect of this size from none, half of the time or more often; None: none would.

    The least n, in steps of the pairs there are, whose exact McNemar p value, times `compared` for Holm, is at most
    `FAMILY_LEVEL` where shares stay as they are and all pairs that differ go one way.

    Args:
        effect: as measured.
        compared: changes that are confirmed together.

    >>> runs_to_decide(Effect(24, 20, 24, -0.01, 0.35, 0.25), compared=2)
    48
    """
    gained = effect.successes - effect.before
    if gained <= 0:
        return None
    for times in range(1, MOST_TIMES + 1):
        if compared * 2 * 0.5 ** (gained * times) <= FAMILY_LEVEL:
            return effect.n * times
    return None


def share_in_words(successes: int, n: int) -> str:
    """ "14 of 20 runs (95 % interval 46 to 88 %)".

    >>> share_in_words(20, 20)
    '20 of 20 runs (95 % interval 83 to 100 %)'
    """
    interval = proportion_interval(successes, n)
    return f"{successes} of {n} runs (95 % interval {100 * interval.low:.0f} to {100 * interval.high:.0f} %)"
