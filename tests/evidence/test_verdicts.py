"""Every rule on three made-up tables (true, false, too noisy to tell), and what happens at the edges."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import Claim, Rival
from jaxmlp.evidence.measures import Value, at, final
from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability
from jaxmlp.evidence.synthetic import synthetic_rows
from jaxmlp.evidence.verdicts import VERDICTS, judge

LEDGER = {"C-1": ("D0", "a statement"), "C-2": ("D3", "another statement")}
NOISE = np.random.default_rng(0).normal(size=10)

A, B, C = (Value(arm, final("test_accuracy")) for arm in "abc")


def ends(**arms):
    """Rows of arms that end at these test accuracies, seed by seed."""
    return synthetic_rows(
        {arm: {"test_accuracy": [float(end) for end in accuracies]} for arm, accuracies in arms.items()}
    )


def verdict_of(parts, rows, *, dataset="mnist", preset="full", **declared):
    parts = parts if isinstance(parts, tuple) else (parts,)
    claim = Claim("C-1", parts, **({"planned_n": 10} | declared))
    (verdict,) = judge([claim], rows, ledger=LEDGER, dataset=dataset, device="CPU", preset=preset)
    # Whatever the verdict: one of the six, plain types, no NaN.
    assert verdict["verdict"] in VERDICTS
    assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict
    return verdict


def around(mean, spread):
    return mean + spread * NOISE


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
        ends(a=[0.1135] * 9 + [0.78]),
        ends(a=[0.97] * 9 + [0.1135]),
        ends(a=[0.97] * 5 + [0.1135] * 5),
    ),
    "probability of less than": (
        Probability(A, "above", 0.5, bound=0.5, direction="less"),
        ends(a=[0.1135] * 9 + [0.78]),
        ends(a=[0.97] * 9 + [0.1135]),
        ends(a=[0.97] * 5 + [0.1135] * 5),
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


def test_the_verdict_has_the_fields_of_verdicts_json():
    verdict = verdict_of(Probability(A, "below", 0.5, bound=0.5), ends(a=[0.1135] * 9 + [0.78]))
    fixed = "claim doc statement verdict kind effect unit delta ci_low ci_high n rule arms factor seeds_needed dataset"
    assert list(verdict) == [*fixed.split(), "device", "preset", "evidence", "preview", "parts"]
    told = {"claim": "C-1", "doc": "D0", "statement": "a statement", "kind": "probability", "unit": "share of runs"}
    told |= {"effect": 0.9, "delta": 0.5, "n": 10, "arms": ["a"], "factor": None, "dataset": "mnist", "device": "CPU"}
    assert {name: verdict[name] for name in told} == told
    (part,) = verdict["parts"]
    assert {name: part[name] for name in ("kind", "effect", "ci_low", "n")} == {
        name: verdict[name] for name in ("kind", "effect", "ci_low", "n")
    }


def test_the_sentences_hold_the_numbers():
    share = verdict_of(Probability(A, "below", 0.5, bound=0.5), ends(a=[0.1135] * 9 + [0.78]))
    assert "9 of 10 runs of a have final test_accuracy below 50 %" in share["evidence"]
    assert "95 % interval 55.5 to 99.7 %" in share["evidence"]
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


@pytest.mark.parametrize(
    ("dataset", "preset", "preview"),
    [("digits", "full", True), ("mnist", "quick", True), ("mnist", "full", False)],
)
def test_digits_and_the_quick_preset_are_previews(dataset, preset, preview):
    verdict = verdict_of(Difference(A, 0.5, 0.1), ends(a=around(0.9, 0.01)), dataset=dataset, preset=preset)
    assert verdict["preview"] is preview


# Edges: few runs, runs without variance, missing and diverged runs.

PARTS = (Difference(A, B, 0.1), Equivalence(A, B, 0.1), Probability(A, "above", 0.5, bound=0.1))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.kind)
@pytest.mark.parametrize("n", [1, 2])
def test_below_three_runs_results_are_descriptive(n, part):
    verdict = verdict_of(part, ends(a=[0.97, 0.98][:n], b=[0.5, 0.4][:n]))
    assert (verdict["verdict"], verdict["n"]) == ("inconclusive", n)
    assert verdict["seeds_needed"] >= 3
    assert "Below 3 runs this is descriptive" in verdict["evidence"]


def test_a_single_run_has_an_effect_and_no_interval_and_asks_for_what_was_planned():
    verdict = verdict_of(Difference(A, B, 0.1), ends(a=[0.97], b=[0.5]), planned_n=20)
    assert verdict["effect"] == pytest.approx(0.47)
    assert (verdict["ci_low"], verdict["ci_high"], verdict["seeds_needed"]) == (None, None, 20)


def test_two_runs_that_agree_are_still_two():
    """A decisive interval is not enough: n = 2 without variance decides nothing."""
    verdict = verdict_of(Difference(A, B, 0.1), ends(a=[0.97, 0.97], b=[0.5, 0.5]))
    assert (verdict["verdict"], verdict["seeds_needed"]) == ("inconclusive", 3)


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


# Claims of several parts, of several levels, with a rival cause.

TRUE, FALSE = Difference(A, B, 0.1), Difference(B, A, 0.1)
OPEN, ABSENT = Difference(A, C, 0.1), Difference(A, Value("missing", final("test_accuracy")), 0.1)
MIXTURE = ends(a=around(0.9, 0.01), b=around(0.5, 0.01), c=around(0.8, 0.1))


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ((TRUE, TRUE), "reproduced"),
        ((TRUE, OPEN), "inconclusive"),
        ((OPEN, FALSE), "refuted"),
        ((TRUE, FALSE), "refuted"),
        ((FALSE, ABSENT), "not_tested"),
    ],
)
def test_a_claim_is_reproduced_only_if_every_part_is(parts, verdict):
    found = verdict_of(parts, MIXTURE)
    assert found["verdict"] == verdict
    assert len(found["parts"]) == len(parts)
    # The claim shows the numbers of the part that decided it.
    deciding = next(part for part in found["parts"] if part["verdict"] == verdict)
    assert [found[name] for name in ("effect", "ci_low", "ci_high", "n")] == [
        deciding[name] for name in ("effect", "ci_low", "ci_high", "n")
    ]


def test_an_ordering_shows_each_adjacent_pair():
    rows = ends(a=around(0.9, 0.01), b=around(0.8, -0.01), c=around(0.6, 0.01))
    verdict = verdict_of(Ordering((A, B, C), 0.01), rows)
    assert [part["kind"] for part in verdict["parts"]] == ["ordering", "ordering"]
    assert [part["arms"] for part in verdict["parts"]] == [["a", "b"], ["b", "c"]]
    assert verdict["arms"] == ["a", "b", "c"]
    assert verdict["kind"] == "ordering"


def at_levels(**levels):
    made = {TRUE: (A, B), FALSE: (B, A), OPEN: (A, C), ABSENT: (A, ABSENT.b)}
    return tuple(Difference(*made[part], 0.1, level=level) for level, parts in levels.items() for part in parts)


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        ({"relu": [TRUE], "tanh": [TRUE]}, "reproduced"),
        ({"relu": [FALSE], "tanh": [FALSE]}, "refuted"),
        ({"relu": [TRUE], "tanh": [FALSE]}, "mixed"),
        ({"relu": [TRUE], "tanh": [FALSE], "sigmoid": [OPEN]}, "mixed"),
        ({"relu": [TRUE], "tanh": [OPEN]}, "inconclusive"),
        ({"relu": [FALSE], "tanh": [OPEN]}, "inconclusive"),
        ({"relu": [TRUE], "tanh": [FALSE], "sigmoid": [ABSENT]}, "not_tested"),
        # A level is a compound claim of its own: this one is refuted at relu, so it holds nowhere.
        ({"relu": [TRUE, FALSE], "tanh": [FALSE]}, "refuted"),
    ],
)
def test_mixed_is_true_at_one_level_and_false_at_another(levels, verdict):
    found = verdict_of(at_levels(**levels), MIXTURE, factor="activation")
    assert (found["verdict"], found["factor"]) == (verdict, "activation")
    assert {part["level"] for part in found["parts"]} == set(levels)


def with_rival(without_cause, spread=0.01):
    """The effect is a - b = 0.40; c is a with the claimed cause removed."""
    rows = ends(a=around(0.9, 0.01), b=around(0.5, -0.01), c=around(without_cause, spread))
    return verdict_of(Difference(A, B, 0.1), rows, rival=Rival("momentum off", C, B))


@pytest.mark.parametrize(
    ("without_cause", "spread", "verdict"),
    [
        (0.85, 0.01, "other_cause"),  # 0.35 of 0.40 remains
        (0.50, 0.01, "reproduced"),  # nothing remains: the claimed cause it was
        (0.62, 0.01, "reproduced"),  # less than half
        (0.70, 0.10, "inconclusive"),  # half, give or take
    ],
)
def test_the_cause_is_another_where_half_of_the_effect_remains(without_cause, spread, verdict):
    found = with_rival(without_cause, spread)
    assert found["verdict"] == verdict
    rival = found["parts"][-1]
    assert rival["role"] == "rival"
    assert rival["delta"] == pytest.approx(0.5 * found["parts"][0]["effect"])
    assert "momentum off" in found["evidence"]
    assert "at least half of the effect" in found["rule"]


def test_a_rival_of_a_probability_is_counted_in_its_own_arm():
    fails = Probability(A, "below", 0.5, bound=0.5)
    rival = Rival("another initialization", B)
    still_fails = verdict_of(fails, ends(a=[0.1] * 10, b=[0.1] * 10), rival=rival)
    assert still_fails["verdict"] == "other_cause"
    assert still_fails["arms"] == ["a", "b"]
    assert verdict_of(fails, ends(a=[0.1] * 10, b=[0.97] * 10), rival=rival)["verdict"] == "reproduced"


def test_without_the_phenomenon_there_is_no_cause_to_look_for():
    found = verdict_of(FALSE, MIXTURE, rival=Rival("anything", ABSENT.a, ABSENT.b))
    assert found["verdict"] == "refuted"
    assert [part["role"] for part in found["parts"]] == ["part"]


def test_a_rival_that_did_not_run_leaves_the_claim_untested():
    found = verdict_of(TRUE, MIXTURE, rival=Rival("anything", ABSENT.a, Value("missing", final("test_accuracy"))))
    assert found["verdict"] == "not_tested"
    assert "arm missing is not in the results" in found["evidence"]


def test_a_claim_the_ledger_does_not_have_is_refused():
    with pytest.raises(InputError, match="C-9 is not in the ledger"):
        judge(
            [Claim("C-9", (TRUE,), planned_n=10)], MIXTURE, ledger=LEDGER, dataset="mnist", device="CPU", preset="full"
        )


def test_claims_are_judged_in_their_order_each_with_its_document():
    claims = [Claim("C-2", (TRUE,), planned_n=10), Claim("C-1", (FALSE,), planned_n=10)]
    found = judge(claims, MIXTURE, ledger=LEDGER, dataset="mnist", device="CPU", preset="full")
    assert [(one["claim"], one["doc"], one["verdict"]) for one in found] == [
        ("C-2", "D3", "reproduced"),
        ("C-1", "D0", "refuted"),
    ]
