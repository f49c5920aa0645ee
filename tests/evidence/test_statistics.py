"""Intervals and exact tests, held against SciPy, closed forms, table values and simulated coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.evidence.curves import band_over_seeds
from jaxmlp.evidence.statistics import (
    TwoGroups,
    mcnemar,
    mean_interval,
    pair_by_seed,
    prediction_interval,
    proportion_interval,
    two_groups,
)
from jaxmlp.study.tables import mean_band

FIVE = [0.9761, 0.9780, 0.9769, 0.9774, 0.9758]


@pytest.mark.parametrize("level", [0.90, 0.95])
@pytest.mark.parametrize("n", [2, 5, 29])
def test_below_thirty_runs_it_is_the_t_interval(n, level):
    sample = np.random.default_rng(n).normal(3.0, 2.0, size=n)
    ours = mean_interval(sample, level)
    theirs = stats.ttest_1samp(sample, 0.0).confidence_interval(level)
    np.testing.assert_allclose([ours.low, ours.high], theirs, rtol=1e-12)
    assert (ours.n, ours.method) == (n, "Student t")


def test_two_runs_use_the_table_value_for_one_degree_of_freedom():
    """Mean 1, s = √2, s/√2 = 1: the interval is 1 ± t(0.975, 1) = 1 ± 12.706."""
    ours = mean_interval([0.0, 2.0])
    assert ours.low == pytest.approx(1 - 12.706, abs=1e-3)
    assert ours.high == pytest.approx(1 + 12.706, abs=1e-3)


def test_five_runs_cover_the_mean_as_often_as_promised():
    samples = np.random.default_rng(1).normal(size=(2000, 5))
    held = [interval.low <= 0 <= interval.high for interval in map(mean_interval, samples)]
    assert 0.93 <= np.mean(held) <= 0.97


def test_from_thirty_runs_on_it_is_the_bca_bootstrap():
    """An oracle written from Efron's formula, with its own draws: ends agree to a twentieth of the width."""
    sample = np.random.default_rng(2).exponential(size=30)
    ours = mean_interval(sample)
    assert ours.method == "BCa bootstrap"
    np.testing.assert_allclose([ours.low, ours.high], bca(sample), atol=0.05 * (ours.high - ours.low))
    # The long tail is on the right, which no symmetric interval shows.
    assert ours.high - ours.estimate > 1.1 * (ours.estimate - ours.low)


def bca(sample):
    rng, n = np.random.default_rng(77), len(sample)
    means = sample[rng.integers(n, size=(20_000, n))].mean(axis=1)
    bias = stats.norm.ppf((means < sample.mean()).mean())
    left_out = np.array([np.delete(sample, i).mean() for i in range(n)])
    pull = left_out.mean() - left_out
    acceleration = (pull**3).sum() / (6 * (pull**2).sum() ** 1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    return np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))


def test_the_bootstrap_gives_the_same_interval_again_whatever_the_order_of_the_runs():
    sample = np.random.default_rng(3).exponential(size=40)
    first, reversed_ = mean_interval(sample), mean_interval(sample[::-1])
    assert (first.low, first.high) == (reversed_.low, reversed_.high)


def test_one_lucky_run_of_thirty_is_handled():
    """What `randn` looks like: every run at chance but one."""
    interval = mean_interval([0.1135] * 29 + [0.78])
    assert 0.1135 - 1e-9 <= interval.low <= interval.estimate <= interval.high <= 0.78
    assert interval.high > 0.15


@pytest.mark.parametrize("n", [2, 3, 10, 29, 30, 200])
def test_runs_that_are_all_equal_have_an_interval_of_no_width(n):
    interval = mean_interval([0.1135] * n)
    assert (interval.low, interval.estimate, interval.high) == (0.1135, 0.1135, 0.1135)
    assert interval.method == "no variance"


@pytest.mark.parametrize("n", [5, 30])
def test_rounding_is_not_variance(n):
    """Equal differences of decimals differ in the last bit: 0.3 - 0.2 is not 0.8 - 0.7 in binary."""
    pairs = [(0.3, 0.2), (0.8, 0.7), (0.97, 0.87)]
    sample = [a - b for a, b in (pairs * n)[:n]]
    assert len(set(sample)) > 1
    interval = mean_interval(sample)
    assert interval.method == "no variance"
    assert interval.estimate == pytest.approx(0.1)


def test_a_single_run_has_no_finite_interval():
    for interval in (mean_interval([0.5]), prediction_interval([0.5])):
        assert (interval.estimate, interval.low, interval.high) == (0.5, -math.inf, math.inf)
        decided = [interval.is_above(-1e9), interval.is_below(1e9), interval.is_within(1e9), interval.is_outside(0.0)]
        assert not any(decided)


@pytest.mark.parametrize("sample", [[], [0.1, math.nan], [0.1, math.inf]])
@pytest.mark.parametrize("interval", [mean_interval, prediction_interval])
def test_samples_that_are_not_finite_are_refused(interval, sample):
    with pytest.raises(InputError, match="one finite number per run"):
        interval(sample)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, math.nan])
def test_a_level_is_a_share(level):
    with pytest.raises(InputError, match="between 0 and 1"):
        mean_interval(FIVE, level)


def test_pairs_are_the_common_seeds_in_order():
    a = pd.Series({3: 0.3, 1: 0.1, 2: 0.2})
    b = pd.Series({2: 20.0, 5: 50.0, 3: 30.0})
    first, second = pair_by_seed(a, b)
    assert first.to_dict() == {2: 0.2, 3: 0.3}
    assert second.to_dict() == {2: 20.0, 3: 30.0}
    assert list(first.index) == list(second.index) == [2, 3]


def test_the_prediction_interval_covers_the_next_run():
    draws = np.random.default_rng(4).normal(size=(2000, 6))
    intervals = [prediction_interval(runs) for runs in draws[:, :5]]
    held = [i.low <= run <= i.high for i, run in zip(intervals, draws[:, 5], strict=True)]
    assert 0.93 <= np.mean(held) <= 0.97


def test_the_prediction_interval_is_the_t_interval_of_the_difference_to_a_new_run():
    """The new run is a second sample of one: its interval is that of a pooled two-sample t test."""
    n, s = len(FIVE), np.std(FIVE, ddof=1)
    half_width = 2.776445 * s * math.sqrt(1 / n + 1)
    ours = prediction_interval(FIVE)
    assert ours.high - ours.estimate == pytest.approx(half_width, rel=1e-6)
    assert ours.estimate - ours.low == pytest.approx(half_width, rel=1e-6)


def test_the_reading_error_widens_both_ends():
    plain, read_off = prediction_interval(FIVE), prediction_interval(FIVE, reading_error=0.003)
    assert plain.low - read_off.low == pytest.approx(0.003)
    assert read_off.high - plain.high == pytest.approx(0.003)


def test_equal_runs_predict_themselves():
    interval = prediction_interval([0.1135] * 4)
    assert interval.low == pytest.approx(0.1135, abs=1e-15)
    assert interval.high == pytest.approx(0.1135, abs=1e-15)


# Clopper and Pearson's 95 % limits, as tabulated.
TABLE = [(0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (5, 10, 0.1871, 0.8129), (9, 10, 0.5550, 0.9975)]


@pytest.mark.parametrize(("successes", "n", "low", "high"), TABLE)
def test_a_proportion_has_the_tabulated_limits(successes, n, low, high):
    interval = proportion_interval(successes, n)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))
    assert interval.estimate == successes / n


@pytest.mark.parametrize("n", [1, 7, 30])
def test_a_proportion_s_limits_are_beta_quantiles(n):
    for k in range(1, n):
        interval = proportion_interval(k, n, level=0.90)
        assert interval.low == pytest.approx(stats.beta.ppf(0.05, k, n - k + 1), abs=1e-10)
        assert interval.high == pytest.approx(stats.beta.ppf(0.95, k + 1, n - k), abs=1e-10)
    assert proportion_interval(n, n).high == 1.0
    assert proportion_interval(n, n).low == pytest.approx(0.025 ** (1 / n), abs=1e-10)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(InputError, match="0 <= successes <= n"):
        proportion_interval(successes, n)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [
        (0, 0, 1.0),
        (1, 1, 1.0),
        (5, 0, 2 / 32),
        (6, 0, 2 / 64),
        (2, 10, 2 * (1 + 12 + 66) / 4096),  # 2·P(X <= 2), X binomial with n = 12 and 1/2
    ],
)
def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs(only_a, only_b, p_value):
    a = [True] * 3 + [False] * 4 + [True] * only_a + [False] * only_b
    b = [True] * 3 + [False] * 4 + [False] * only_a + [True] * only_b
    test = mcnemar(a, b)
    assert (test.only_a, test.only_b) == (only_a, only_b)
    assert test.p_value == pytest.approx(p_value, abs=1e-12)


def test_mcnemar_needs_pairs():
    with pytest.raises(InputError, match="not pairs"):
        mcnemar([True, False], [True])


def test_mcnemar_rejects_exactly_where_the_interval_excludes_one_half():
    """What lets a paired probability be judged by an interval, as every other part is."""
    for only_a in range(16):
        for only_b in range(16 - only_a):
            if only_a + only_b:
                interval = proportion_interval(only_a, only_a + only_b)
                p_value = mcnemar([True] * only_a + [False] * only_b, [False] * only_a + [True] * only_b).p_value
                assert (p_value < 0.05) == (interval.is_above(0.5) or interval.is_below(0.5))


@pytest.mark.parametrize(
    ("sample", "groups"),
    [
        ([0.97, 0.1, 0.98, 0.1, 0.97], TwoGroups(2, 5, (0.1, 0.97))),
        ([0.1135] * 3 + [0.97] * 7, TwoGroups(3, 10, (0.1135, 0.97))),
        ([0.97, 0.975, 0.96], None),  # one group
        ([0.1, 0.3, 0.5, 0.7, 0.9], None),  # spread evenly
        ([0.97], None),
    ],
)
def test_runs_fall_in_two_groups_or_they_do_not(sample, groups):
    assert two_groups(sample) == groups


@pytest.mark.parametrize("n", [2, 5, 29, 30, 40])
def test_tables_figures_and_verdicts_have_one_interval(n):
    sample = 0.9 + 0.1 * np.random.default_rng(4).random(n) ** 3
    rows = pd.DataFrame({"arm": "a", "epoch": 1, "seed": range(n), "run_id": range(n), "val_accuracy": sample})
    (table,) = mean_band(rows, "val_accuracy", ("arm", "epoch")).itertuples()
    figure, verdict = band_over_seeds(rows, "val_accuracy"), mean_interval(sample)
    expected = pytest.approx((verdict.estimate, verdict.low, verdict.high))
    assert (table.mean, table.low, table.high) == expected
    assert (*figure.mean, *figure.low, *figure.high) == expected
