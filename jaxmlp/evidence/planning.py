"""How many seeds an undecided question would need: what an inconclusive verdict asks for.

Each answer is the smallest n at which the interval, were the next runs like these, would be decisive: an
estimate for planning one declared second stage, not a licence to add seeds until a verdict appears.
"""

import numpy as np
from scipy import stats

# Below three runs an interval rests on one degree of freedom or none: results are descriptive.
MINIMUM_RUNS = 3
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
    tail = (1 - level) / 2
    if share > bound:
        k = np.floor(n * share + 1e-9)
        return _first(n, np.where(k > 0, stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0) > bound)
    k = np.ceil(n * share - 1e-9)
    return _first(n, np.where(k < n, stats.beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0) < bound)


def _first(n: np.ndarray, decisive: np.ndarray) -> int | None:
    return int(n[decisive.argmax()]) if decisive.any() else None
