"""How many seeds a question needs, and what so many seeds can show.

`seeds_for_*` answers what an inconclusive verdict asks for: the smallest n at which the interval, were the next runs
like these, would be decisive. It is an estimate for planning one declared second stage, not a licence to add seeds
until a verdict appears. `power_*` is the chance of a verdict at a true effect; `detectable_*` the least effect whose
chance is `POWER`.
"""

import numpy as np
from scipy import stats

# Below three runs an interval rests on one degree of freedom or none: results are descriptive.
MINIMUM_RUNS = 3
SHARE_RUNS = 12
"""Below it "in most runs" is decided by runs that are all alike, or not at all: at 6 runs 6 of 6 decides alone."""
POWER = 0.8
MOST_SEEDS = 10_000


def seeds_for_mean(spread: float, half_width: float, level: float = 0.95) -> int | None:
    """Smallest n >= 3 at which t·spread/√n is below `half_width`; None where 10,000 seeds are too few.

    Args:
        spread: standard deviation of the runs (or of the paired differences).
        half_width: distance from the estimate to the nearest bound it has to clear, in the same unit.
        level: confidence of the interval that will be used.
    """
    n = np.arange(MINIMUM_RUNS, MOST_SEEDS + 1)
    return _first(n, stats.t.ppf((1 + level) / 2, n - 1) * spread / np.sqrt(n) < half_width)


def seeds_for_proportion(share: float, bound: float, level: float = 0.95) -> int | None:
    """Smallest n >= 3 whose Clopper-Pearson interval excludes `bound` where a `share` of runs succeed.

    The count is rounded towards the bound, so that rounding never flatters the share. The interval's ends are
    quantiles of Beta(k, n-k+1) and Beta(k+1, n-k). None where 10,000 seeds are too few.
    """
    n = np.arange(MINIMUM_RUNS, MOST_SEEDS + 1)
    if share > bound:
        return _first(n, _clopper_pearson(np.floor(n * share + 1e-9), n, level)[0] > bound)
    return _first(n, _clopper_pearson(np.ceil(n * share - 1e-9), n, level)[1] < bound)


def _clopper_pearson(k: np.ndarray, n: np.ndarray | int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the interval of every count k of n."""
    tail = (1 - level) / 2
    low = np.where(k > 0, stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    return low, np.where(k < n, stats.beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0)


def _first(n: np.ndarray, decisive: np.ndarray) -> int | None:
    return int(n[decisive.argmax()]) if decisive.any() else None


def power_of_difference(effect: float, spread: float, n: int, level: float = 0.95) -> float:
    """Chance that the t interval of `n` runs lies above 0, where their mean is `effect` and their deviation `spread`.

    From Student's noncentral t. Without spread it is 1 or 0.

    >>> round(power_of_difference(0.01, 0.01, 10), 2)
    0.8
    """
    if spread == 0.0:
        return float(effect > 0)
    bound = stats.t.ppf((1 + level) / 2, n - 1)
    return float(stats.nct.sf(bound, n - 1, effect * np.sqrt(n) / spread))


def power_of_equivalence(effect: float, margin: float, spread: float, n: int, level: float = 0.90) -> float:
    """Chance that the t interval of `n` runs lies within ±`margin`: averaged over the deviations they may show."""
    if spread == 0.0:
        return float(abs(effect) < margin)
    shares = (np.arange(500) + 0.5) / 500
    seen = spread * np.sqrt(stats.chi2.ppf(shares, n - 1) / (n - 1))
    room = np.maximum(margin - stats.t.ppf((1 + level) / 2, n - 1) * seen / np.sqrt(n), 0.0)
    scale = np.sqrt(n) / spread
    return float(np.mean(stats.norm.cdf((room - effect) * scale) - stats.norm.cdf((-room - effect) * scale)))


def power_of_share(share: float, bound: float, n: int, direction: str = "more", level: float = 0.95) -> float:
    """Chance that the Clopper-Pearson interval of `n` runs lies above (`more`) or below (`less`) `bound`."""
    k = np.arange(n + 1)
    low, high = _clopper_pearson(k, n, level)
    decisive = low > bound if direction == "more" else high < bound
    return float(stats.binom.pmf(k, n, share)[decisive].sum())


def detectable_difference(spread: float, n: int, level: float = 0.95) -> float:
    """The least distance from a bound that `n` runs of this deviation show with the chance `POWER`.

    It is (t + t') · spread / √n with the quantiles of the level and of the power: near the noncentral t's answer, and
    on the safe side of it.
    """
    quantiles = stats.t.ppf([(1 + level) / 2, POWER], n - 1)
    return float(quantiles.sum() * spread / np.sqrt(n))


def detectable_share(bound: float, n: int, direction: str = "more", level: float = 0.95) -> float | None:
    """The share nearest to `bound`, in percent, that `n` runs show with the chance `POWER`; None if not even 0 or 1."""
    steps = np.arange(1, 101) / 100
    shares = bound + (1 - bound) * steps if direction == "more" else bound * (1 - steps)
    enough = [float(share) for share in shares if power_of_share(float(share), bound, n, direction, level) >= POWER]
    return enough[0] if enough else None
