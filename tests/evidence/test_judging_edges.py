"""Few runs, runs without variance, missing and diverged runs, and the seeds an undecided claim asks for."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxmlp.evidence.measures import Value, at, final
from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability
from jaxmlp.evidence.synthetic import synthetic_rows
from tests.evidence.judged import A, B, C, around, ends, verdict_of

PARTS = (Difference(A, B, 0.1), Equivalence(A, B, 0.1), Probability(A, "above", 0.5, bound=0.1))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.kind)
@pytest.mark.parametrize("n", [1, 2])
def test_below_three_runs_results_are_descriptive(n, part):
    verdict = verdict_of(part, ends(a=[0.97, 0.98][:n], b=[0.5, 0.4][:n]))
    assert (verdict["verdict"], verdict["n"], verdict["ci_low"]) == ("not_tested", n, None)
    assert "described, not judged" in verdict["evidence"]
    assert "100.0 %" not in verdict["evidence"]


def test_a_single_run_has_an_effect_and_no_interval():
    verdict = verdict_of(Difference(A, B, 0.1), ends(a=[0.97], b=[0.5]), planned_n=20)
    assert verdict["effect"] == pytest.approx(0.47)
    assert (verdict["ci_low"], verdict["ci_high"]) == (None, None)


def test_shares_of_less_than_twelve_runs_have_no_verdict():
    part = Probability(A, "above", 0.5, bound=0.5)
    few, enough = (verdict_of(part, ends(a=[0.97] * n)) for n in (11, 12))
    assert (few["verdict"], few["seeds_needed"]) == ("inconclusive", 12)
    assert enough["verdict"] == "reproduced"


def test_two_runs_that_agree_are_still_two():
    """A decisive interval is not enough: n = 2 without variance decides nothing."""
    verdict = verdict_of(Difference(A, B, 0.1), ends(a=[0.97, 0.97], b=[0.5, 0.5]))
    assert verdict["verdict"] == "not_tested"


def test_more_runs_may_be_required():
    rows = ends(a=around(0.9, 0.01))
    assert verdict_of(Difference(A, 0.5, 0.1), rows, required_n=10)["verdict"] == "reproduced"
    verdict = verdict_of(Difference(A, 0.5, 0.1), rows, required_n=15, planned_n=20)
    assert (verdict["verdict"], verdict["seeds_needed"]) == ("inconclusive", 15)


@pytest.mark.parametrize("n", [3, 10, 40])
def test_runs_that_are_all_at_chance_are_judged(n):
    rows = ends(a=[0.1135] * n, b=[0.1135] * n)
    assert verdict_of(Difference(A, B, 0.1), rows)["verdict"] == "refuted"
    assert verdict_of(Equivalence(A, B, 0.003), rows)["verdict"] == "reproduced"
    equal = verdict_of(Difference(A, B, 0.0), rows)
    assert (equal["verdict"], equal["effect"], equal["ci_low"], equal["seeds_needed"]) == ("inconclusive", 0, 0, None)


def test_thirty_runs_are_judged_by_the_bootstrap():
    rng = np.random.default_rng(2)
    rows = ends(a=0.95 + 0.01 * rng.normal(size=30), b=0.5 + 0.01 * rng.normal(size=30))
    verdict = verdict_of(Difference(A, B, 0.1), rows)
    assert verdict["verdict"] == "reproduced"
    assert "BCa bootstrap, n = 30" in verdict["evidence"]


def test_only_seeds_of_both_arms_are_compared_and_the_others_named():
    arms = {"a": {"test_accuracy": [0.9, 0.91, 0.92, 0.1]}, "b": {"test_accuracy": [0.99, 0.5, 0.51, 0.52]}}
    rows = synthetic_rows(arms, seeds={"a": [0, 1, 2, 3], "b": [7, 0, 1, 2]})
    verdict = verdict_of(Difference(A, B, 0.1), rows)
    assert verdict["verdict"] == "reproduced"
    assert (verdict["n"], verdict["effect"]) == (3, pytest.approx(0.4))
    assert "Seeds 3, 7 ran in one arm only and are left out." in verdict["evidence"]


@pytest.mark.parametrize("part", [Difference(A, B, 0.1), Identity(A, B, 0.1), Probability(A, "above", 0.5, bound=B)])
def test_arms_without_a_common_seed_are_not_tested(part):
    rows = synthetic_rows(
        {"a": {"test_accuracy": [0.9, 0.9]}, "b": {"test_accuracy": [0.5, 0.5]}}, seeds={"a": [0, 1], "b": [2, 3]}
    )
    verdict = verdict_of(part, rows)
    assert verdict["verdict"] == "not_tested"
    assert "arms a and b have no seed in common" in verdict["evidence"]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Difference(A, C, 0.1), "arm c is not in the results"),
        (
            Difference(Value("a", at("test_accuracy", epoch=5)), B, 0.1),
            "test_accuracy at epoch 5 in 10 of 10 runs of a",
        ),
        (Equivalence(Value("a", final("val_accuracy")), 0.9, 0.1), "column val_accuracy is not in the results"),
        (Ordering((A, B, C)), "arm c is not in the results"),
    ],
)
def test_missing_results_are_not_tested_and_named(part, said):
    verdict = verdict_of(part, ends(a=around(0.9, 0.01), b=around(0.5, 0.01)))
    assert verdict["verdict"] == "not_tested"
    assert said in verdict["evidence"]
    assert verdict["seeds_needed"] is None


def test_no_rows_at_all_are_not_tested():
    rows = ends(a=[0.9]).iloc[:0]
    verdict = verdict_of(Difference(A, B, 0.1), rows)
    assert (verdict["verdict"], verdict["n"], verdict["effect"]) == ("not_tested", 0, None)


def test_a_diverged_run_counts_as_chance_and_a_lost_loss_is_not_dropped():
    lost = math.nan
    rows = synthetic_rows(
        {"a": {"test_accuracy": [0.1, 0.97, 0.97], "train_loss": [lost, 0.1, 0.1], "diverged": [True, False, False]}}
    )
    share = verdict_of(Probability(A, "above", 0.5, bound=0.1), rows)
    assert share["effect"] == pytest.approx(2 / 3)
    by_loss = verdict_of(Difference(Value("a", final("train_loss")), 1.0, 0.0, unit="nats"), rows)
    assert by_loss["verdict"] == "not_tested"
    assert "final train_loss in 1 of 3 runs of a" in by_loss["evidence"]
    diverged = verdict_of(Probability(Value("a", final("diverged")), "above", 0.5, bound=0.9, unit=""), rows)
    assert diverged["effect"] == pytest.approx(1 / 3)


def test_pairs_that_never_differ_decide_nothing():
    verdict = verdict_of(Probability(A, "above", 0.5, bound=B), ends(a=[0.97] * 10, b=[0.97] * 10))
    assert (verdict["verdict"], verdict["effect"], verdict["n"]) == ("inconclusive", None, 10)
    assert "p = 1" in verdict["evidence"]


def test_paired_probabilities_report_the_share_of_discordant_pairs():
    rows = ends(a=[0.97] * 8 + [0.1, 0.97], b=[0.1] * 8 + [0.97, 0.97])
    verdict = verdict_of(Probability(A, "above", 0.5, bound=B), rows)
    assert (verdict["verdict"], verdict["n"], verdict["unit"]) == ("reproduced", 10, "share of discordant pairs")
    assert verdict["effect"] == pytest.approx(8 / 9)
    # 2·P(X <= 1), X binomial with n = 9 and 1/2: 2·10/512.
    assert "8 pairs only in a, 1 only in b, exact McNemar p = 0.039" in verdict["evidence"]


# The seeds an undecided claim asks for.


def needed(parts, rows):
    verdict = verdict_of(parts, rows)
    assert verdict["verdict"] == "inconclusive"
    return verdict["seeds_needed"]


def test_an_equivalence_asks_for_the_same_on_either_side():
    rows = ends(a=around(0.979, 0.010), b=around(0.977, -0.010))
    there, back = needed(Equivalence(A, B, 0.003), rows), needed(Equivalence(B, A, 0.003), rows)
    assert there == back > 10


def test_a_part_asks_for_the_n_whose_t_interval_would_decide_it():
    """Mean 0.60, s = 0.01·√10/3, margin 0.598: t(0.975, n - 1)·s/√n < 0.002 from n = 110 on."""
    rows = ends(a=[0.59, 0.61] * 5)
    n = needed(Difference(A, 0.5, 0.098), rows)
    spread = 0.01 * math.sqrt(10) / 3
    reached = [stats.t.ppf(0.975, m - 1) * spread / math.sqrt(m) < 0.002 for m in (n - 1, n)]
    assert reached == [False, True]


def test_paired_probabilities_ask_for_pairs_and_not_only_for_those_that_differ():
    """Three of ten pairs differ, all one way; six would decide, which takes twenty pairs."""
    rows = ends(a=[0.97] * 3 + [0.1] * 7, b=[0.1] * 10)
    assert needed(Probability(A, "above", 0.5, bound=B), rows) == 20


def test_an_undecided_part_asks_for_more_than_it_had():
    """Where t would be enough and the bootstrap, which sees the skew, is not, one more run is the least."""
    sample = np.random.default_rng(3).exponential(size=40)
    t_end = stats.ttest_1samp(sample, 0.0).confidence_interval(0.95).high
    assert needed(Difference(A, 0.0, t_end + 0.01), ends(a=sample)) == 41


def test_a_claim_asks_for_what_its_most_demanding_part_does():
    rows = ends(a=around(0.70, 0.15), b=around(0.58, -0.15), c=around(0.52, -0.20))
    easy, hard = Difference(A, C, 0.05), Difference(A, B, 0.10)
    assert needed(easy, rows) < needed(hard, rows)
    assert needed((easy, hard), rows) == needed((hard, easy), rows) == needed(hard, rows)
    never = Difference(A, A, 0.0)
    assert needed(never, rows) is None
    assert needed((easy, never), rows) is None
