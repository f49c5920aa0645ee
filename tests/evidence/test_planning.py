"""The seeds a decision would need: enough by the interval that will be used, and not one more."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxmlp.evidence.planning import seeds_for_mean, seeds_for_proportion
from jaxmlp.evidence.statistics import proportion_interval


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("half_width", [0.3, 0.7, 2.0])
def test_the_mean_s_answer_is_the_smallest_that_is_enough(half_width, level):
    def reached(n):
        low, high = stats.t.interval(level, n - 1, loc=0.0, scale=1.0 / math.sqrt(n))
        return (high - low) / 2 < half_width

    n = seeds_for_mean(1.0, half_width, level)
    assert n is not None
    assert reached(n)
    assert not reached(n - 1)


def test_at_least_three_runs_even_where_nothing_varies():
    assert seeds_for_mean(0.0, 0.1) == 3


@pytest.mark.parametrize(("spread", "half_width"), [(1.0, 0.0), (0.0, 0.0), (1.0, 1e-4)])
def test_an_effect_on_its_bound_is_never_decided(spread, half_width):
    assert seeds_for_mean(spread, half_width) is None


def test_runs_that_never_fail_need_six_to_be_above_one_half():
    """0.025^(1/n) > 1/2 from n = 6 on; the mirror image is the same."""
    assert seeds_for_proportion(1.0, 0.5) == 6
    assert seeds_for_proportion(0.0, 0.5) == 6
    assert seeds_for_proportion(0.5, 0.5) is None


@pytest.mark.parametrize(("share", "bound"), [(0.9, 0.5), (0.7, 0.5), (0.3, 0.5), (0.97, 0.9), (0.02, 0.1)])
def test_the_proportion_s_answer_is_decisive_and_no_smaller_one_is(share, bound):
    def decisive(n):
        successes = math.floor(n * share + 1e-9) if share > bound else math.ceil(n * share - 1e-9)
        interval = proportion_interval(successes, n)
        return interval.is_above(bound) if share > bound else interval.is_below(bound)

    n = seeds_for_proportion(share, bound)
    assert n is not None
    assert decisive(n)
    assert not any(decisive(fewer) for fewer in range(3, n))


def test_a_share_next_to_its_bound_needs_more_than_anyone_has():
    assert seeds_for_proportion(0.501, 0.5) is None


def test_the_planned_n_really_decides_about_half_of_the_time():
    """The half width equals the distance to the bound, so about every second repetition clears it."""
    n = seeds_for_mean(1.0, 0.8)
    assert n is not None
    samples = 0.8 + np.random.default_rng(0).normal(size=(1000, n))
    cleared = stats.ttest_1samp(samples, 0.0, axis=1).confidence_interval(0.95).low > 0
    assert 0.4 < cleared.mean() < 0.7
