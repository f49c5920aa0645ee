"""Every rule on three made-up tables: true, false, and too noisy to tell."""

import numpy as np
import pytest
from scipy import stats

from jaxmlp.evidence.measures import Value, final, reached
from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability
from jaxmlp.evidence.synthetic import synthetic_rows
from tests.evidence.judged import A, B, C, around, ends, verdict_of

SHARED = 0.05 * np.random.default_rng(5).normal(size=10)

THREE_TABLES = {
    "difference": (
        Difference(A, B, 0.10),
        ends(a=around(0.95, 0.01), b=around(0.50, -0.01)),
        ends(a=around(0.55, 0.01), b=around(0.50, -0.01)),
        ends(a=around(0.70, 0.15), b=around(0.58, -0.15)),
    ),
    "difference that only pairing can see": (
        Difference(A, B, 0.01),
        ends(a=around(0.9, 0.001) + SHARED, b=0.885 + SHARED),
        ends(a=around(0.9, 0.001) + SHARED, b=0.895 + SHARED),
        ends(a=around(0.9, 0.001) + SHARED, b=0.890 + SHARED),
    ),
    "difference from a constant": (
        Difference(A, 0.5, 0.10),
        ends(a=around(0.7, 0.02)),
        ends(a=around(0.5, 0.02)),
        ends(a=around(0.6, 0.10)),
    ),
    "difference with a negative margin": (
        Difference(A, B, -0.10),
        ends(a=around(0.50, 0.01), b=around(0.52, -0.01)),
        ends(a=around(0.30, 0.01), b=around(0.52, -0.01)),
        ends(a=around(0.40, 0.10), b=around(0.50, -0.10)),
    ),
    "equivalence": (
        Equivalence(A, B, 0.003),
        ends(a=around(0.977, 0.001), b=around(0.977, -0.001)),
        ends(a=around(0.987, 0.001), b=around(0.977, -0.001)),
        ends(a=around(0.979, 0.010), b=around(0.977, -0.010)),
    ),
    "equivalence to a constant": (
        Equivalence(A, 0.9774, 0.005),
        ends(a=around(0.978, 0.001)),
        ends(a=around(0.960, 0.001)),
        ends(a=around(0.975, 0.020)),
    ),
    "equivalence, too far below": (
        Equivalence(A, B, 0.003),
        ends(a=around(0.976, 0.001), b=around(0.977, 0.001)),
        ends(a=around(0.967, 0.001), b=around(0.977, -0.001)),
        ends(a=around(0.974, 0.001), b=around(0.977, -0.001)),
    ),
    "probability of more than": (
        Probability(A, "below", 0.5, bound=0.5),
        ends(a=[0.1135] * 11 + [0.78]),
        ends(a=[0.97] * 11 + [0.1135]),
        ends(a=[0.97] * 6 + [0.1135] * 6),
    ),
    "probability of less than": (
        Probability(A, "above", 0.5, bound=0.5, direction="less"),
        ends(a=[0.1135] * 11 + [0.78]),
        ends(a=[0.97] * 11 + [0.1135]),
        ends(a=[0.97] * 6 + [0.1135] * 6),
    ),
    "probability beside another arm": (
        Probability(A, "above", 0.5, bound=B),
        ends(a=[0.97] * 9 + [0.1], b=[0.1] * 9 + [0.1]),
        ends(a=[0.1] * 9 + [0.1], b=[0.97] * 9 + [0.1]),
        ends(a=[0.97] * 7 + [0.1] * 3, b=[0.1] * 4 + [0.97] * 6),
    ),
    "probability less than in another arm": (
        Probability(A, "above", 0.5, bound=B, direction="less"),
        ends(a=[0.1] * 9 + [0.1], b=[0.97] * 9 + [0.1]),
        ends(a=[0.97] * 9 + [0.1], b=[0.1] * 9 + [0.1]),
        ends(a=[0.97] * 10, b=[0.97] * 10),
    ),
    "ordering": (
        Ordering((A, B, C), 0.01),
        ends(a=around(0.9, 0.01), b=around(0.8, -0.01), c=around(0.7, 0.01)),
        ends(a=around(0.9, 0.01), b=around(0.7, -0.01), c=around(0.8, 0.01)),
        ends(a=around(0.9, 0.01), b=around(0.8, -0.01), c=around(0.78, 0.10)),
    ),
}


@pytest.mark.parametrize("name", THREE_TABLES)
def test_each_rule_tells_true_from_false_from_too_noisy(name):
    part, true, false, noisy = THREE_TABLES[name]
    found = [verdict_of(part, rows)["verdict"] for rows in (true, false, noisy)]
    assert found == ["reproduced", "refuted", "inconclusive"]


@pytest.mark.parametrize("name", THREE_TABLES)
def test_only_the_undecided_ask_for_more_seeds(name):
    part, true, false, noisy = THREE_TABLES[name]
    assert verdict_of(part, true)["seeds_needed"] is None
    assert verdict_of(part, false)["seeds_needed"] is None
    needed = verdict_of(part, noisy)["seeds_needed"]
    assert needed is None or needed > 10


def test_an_identity_holds_in_every_run_or_it_does_not():
    identity = Identity(A, B, 1e-9)
    exact = [0.1, 0.2, 0.3]
    assert verdict_of(identity, ends(a=exact, b=exact))["verdict"] == "reproduced"
    broken = verdict_of(identity, ends(a=exact, b=[0.1, 0.2, 0.3 + 1e-6]))
    assert broken["verdict"] == "refuted"
    assert broken["effect"] == pytest.approx(1e-6, rel=1e-6)
    assert broken["delta"] == 1e-9
    assert "descriptive" not in broken["rule"]


def test_theory_needs_one_run():
    verdict = verdict_of(Identity(A, 0.0, 1e-6), ends(a=[5e-7]), planned_n=1)
    assert (verdict["verdict"], verdict["n"]) == ("reproduced", 1)


def test_an_equivalence_is_two_one_sided_tests():
    """SciPy's two t tests at 5 % each reject together exactly where the rule reproduces."""
    rng, margin, decided = np.random.default_rng(1), 0.01, []
    for _ in range(60):
        sample = rng.normal(rng.normal(0, 0.006), 0.01, size=8)
        above = stats.ttest_1samp(sample, -margin, alternative="greater").pvalue < 0.05
        below = stats.ttest_1samp(sample, margin, alternative="less").pvalue < 0.05
        verdict = verdict_of(Equivalence(A, 0.0, margin), ends(a=sample))["verdict"]
        assert (verdict == "reproduced") == (above and below)
        decided.append(verdict)
    assert {"reproduced", "inconclusive"} <= set(decided)


def test_the_interval_of_a_difference_is_the_paired_one():
    rows = ends(a=around(0.95, 0.01) + SHARED, b=around(0.50, -0.02) + SHARED)
    verdict = verdict_of(Difference(A, B, 0.1), rows)
    theirs = stats.ttest_rel(around(0.95, 0.01) + SHARED, around(0.50, -0.02) + SHARED).confidence_interval(0.95)
    assert (verdict["ci_low"], verdict["ci_high"]) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    assert verdict["n"] == 10


def test_the_sentences_hold_the_numbers():
    share = verdict_of(Probability(A, "below", 0.5, bound=0.5), ends(a=[0.1135] * 11 + [0.78]))
    assert "11 of 12 runs of a have final test_accuracy below 50 %" in share["evidence"]
    assert "95 % interval 61.5 to 99.8 %" in share["evidence"]
    assert "Clopper-Pearson interval" in share["rule"]
    assert "entirely above 50 %" in share["rule"]
    gap = verdict_of(Difference(A, B, 0.1), ends(a=[0.9, 0.92, 0.94], b=[0.5, 0.5, 0.5]))
    # Mean 0.42, s = 0.02, t(0.975, 2) = 4.303: 0.42 ± 0.0497.
    for words in ("a 92.00 %", "b 50.00 %", "42.00 percentage points", "37.03 to 46.97", "n = 3, planned 10"):
        assert words in gap["evidence"]
    assert "entirely above 10 percentage points" in gap["rule"]
    loss = Difference(Value("a", final("train_loss")), 1.0, 0.5, unit="nats")
    rows = synthetic_rows({"a": {"train_loss": [2.0, 2.1, 2.2]}})
    assert "2.1 nats" in verdict_of(loss, rows)["evidence"]


def test_runs_that_never_get_there_are_told():
    curves = {"quick": [[0.1, 0.8, 0.9]] * 4, "slow": [[0.1, 0.2, 0.4], [0.1, 0.2, 0.9]] * 2}
    rows = synthetic_rows({arm: {"test_accuracy": runs} for arm, runs in curves.items()})
    slow, quick = (Value(arm, reached("test_accuracy", 0.5)) for arm in ("slow", "quick"))
    found = verdict_of(Difference(slow, quick, 0.0, unit="epochs"), rows)
    assert "2 runs of slow never get there: they count as one epoch longer than they were." in found["evidence"]
    assert "of quick never" not in found["evidence"]


def test_a_difference_that_rounds_to_zero_has_no_sign():
    verdict = verdict_of(Equivalence(A, B, 0.1), ends(a=[0.5, 0.6, 0.7], b=[0.500003, 0.600001, 0.700002]))
    assert "difference 0.00 percentage points, 90 % interval 0.00 to 0.00" in verdict["evidence"]
