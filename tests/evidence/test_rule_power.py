"""Power by simulation and by hand, and whether a claim's parts can be decided."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxmlp.evidence.claims import Claim
from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability
from jaxmlp.evidence.planning import (
    detectable_difference,
    detectable_share,
    power_of_difference,
    power_of_equivalence,
    power_of_share,
)
from jaxmlp.evidence.rule_power import decidability
from tests.evidence.judged import A, B, C, around, ends

rng = np.random.default_rng(3)


def intervals(effect, spread, n, level, draws=20_000):
    """Ends of the t intervals of made-up samples [draws]."""
    samples = effect + spread * rng.normal(size=(draws, n))
    half = stats.t.ppf((1 + level) / 2, n - 1) * samples.std(axis=1, ddof=1) / np.sqrt(n)
    return samples.mean(axis=1) - half, samples.mean(axis=1) + half


@pytest.mark.parametrize(("effect", "n"), [(0.5, 6), (1.0, 6), (1.0, 12), (0.0, 12)])
def test_the_power_of_a_difference_is_the_share_of_intervals_above_zero(effect, n):
    low, _ = intervals(effect, 1.0, n, 0.95)
    assert power_of_difference(effect, 1.0, n) == pytest.approx(np.mean(low > 0), abs=0.012)


@pytest.mark.parametrize(("effect", "margin", "n"), [(0.0, 1.0, 8), (0.5, 1.0, 20), (0.0, 0.5, 6), (1.0, 1.0, 20)])
def test_the_power_of_an_equivalence_is_the_share_of_intervals_within_the_margin(effect, margin, n):
    low, high = intervals(effect, 1.0, n, 0.90)
    inside = np.mean((low > -margin) & (high < margin))
    assert power_of_equivalence(effect, margin, 1.0, n) == pytest.approx(inside, abs=0.012)


def test_in_most_runs_needs_twelve():
    """At 6 runs 6 of 6 alone decide: .9 to the sixth; at 12 ten of twelve do."""
    assert power_of_share(0.9, 0.5, 6) == pytest.approx(0.9**6)
    assert power_of_share(0.9, 0.5, 12) == pytest.approx(stats.binom.sf(9, 12, 0.9))
    assert power_of_share(0.1, 0.5, 12, "less") == pytest.approx(power_of_share(0.9, 0.5, 12))


def test_without_spread_power_is_certain_either_way():
    assert [power_of_difference(effect, 0.0, 5) for effect in (0.1, -0.1)] == [1.0, 0.0]
    assert [power_of_equivalence(effect, 0.05, 0.0, 5) for effect in (0.0, 0.1)] == [1.0, 0.0]


@pytest.mark.parametrize("n", [4, 6, 12, 20])
def test_what_is_detectable_is_detected_four_times_in_five(n):
    assert power_of_difference(detectable_difference(1.0, n), 1.0, n) == pytest.approx(0.8, abs=0.06)


def test_a_share_that_no_number_of_runs_shows_is_none():
    assert detectable_share(0.1, 10, "less") is None  # 0 of 10 leaves 31 % possible
    assert detectable_share(0.5, 12) == pytest.approx(0.875, abs=0.03)


ROWS = ends(a=around(0.9, 0.01), b=around(0.8, -0.01), c=[0.5, 0.6])


def of(part, planned_n=10, rows=ROWS):
    (found,) = decidability(Claim("C-1", (part,), planned_n=planned_n), rows)
    return found


@pytest.mark.parametrize(
    ("part", "enough"),
    [
        (Difference(A, B, 0.05, expected=0.1), True),
        (Difference(A, B, 0.05, expected=0.051), False),  # the margin sits on the effect
        (Difference(A, B, 0.05), True),  # twice the margin
        (Difference(A, B, 0.0), False),  # nothing is expected
        (Difference(A, B, -0.05), True),
        (Equivalence(A, B, 0.05), True),
        (Equivalence(A, B, 0.005), False),
        (Equivalence(A, B, 0.05, expected=0.05), False),
        (Probability(A, "above", 0.5, bound=0.5), False),  # ten runs
        (Probability(A, "below", 0.5, bound=0.1, direction="less"), False),
        (Identity(A, B, 1e-6), True),
        (Difference(A, C, 0.05), False),  # two runs have no spread to plan with
    ],
)
def test_a_part_has_enough_power_or_not(part, enough):
    assert of(part).enough == enough


def test_a_bound_that_so_few_runs_cannot_meet_is_told():
    part = Probability(A, "below", 0.5, bound=0.1)
    assert not of(part, planned_n=10).both
    assert of(part, planned_n=40).both


def test_the_spread_is_that_of_one_block_of_seeds():
    """Seeds far apart are two sets: a level that moved between them is no spread."""
    moved = ROWS.assign(seed=ROWS["seed"] + 1000, test_accuracy=ROWS["test_accuracy"] - 0.3)
    both = moved.assign(run_id=[f"{one}-again" for one in moved["run_id"]])
    rows = pd.concat([ROWS, both], ignore_index=True)
    part = Equivalence(A, 0.9, 0.05)
    assert of(part, rows=rows).detectable == pytest.approx(of(part).detectable)


def test_only_what_decides_is_asked_for_its_power():
    parts = (Ordering((A, B, C), 0.05), replace(Difference(A, B, 0.0), scope="beyond"))
    found = decidability(Claim("C-1", parts, planned_n=10), ROWS)
    assert [one.part.arms for one in found] == [("a", "b"), ("b", "c")]
