"""Claims of several parts, of several levels, with a rival cause; and the fields of verdicts.json."""

import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import Claim, Rival
from jaxmlp.evidence.measures import Value, final
from jaxmlp.evidence.parts import Difference, Ordering, Probability
from jaxmlp.evidence.verdicts import judge
from tests.evidence.judged import LEDGER, A, B, C, around, ends, verdict_of


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


@pytest.mark.parametrize(
    ("dataset", "preset", "preview"),
    [
        ("digits", "full", True),
        ("kmnist", "full", True),
        ("mnist", "quick", True),
        ("mnist", "full, other epochs", True),
        ("mnist", "full", False),
        ("xor", "full", False),
    ],
)
def test_other_data_and_other_sizes_are_previews(dataset, preset, preview):
    verdict = verdict_of(Difference(A, 0.5, 0.1), ends(a=around(0.9, 0.01)), dataset=dataset, preset=preset)
    assert verdict["preview"] is preview


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


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [(TRUE, "reproduced"), (FALSE, "other_cause"), (OPEN, "inconclusive"), (ABSENT, "not_tested")],
)
def test_the_cause_is_another_where_the_reason_given_is_refuted(reason, verdict):
    found = verdict_of(TRUE, MIXTURE, reason=reason)
    assert found["verdict"] == verdict
    assert [part["role"] for part in found["parts"]] == ["part", "reason"]
    assert "the reason given is refuted" in found["rule"]
    assert found["parts"][-1]["evidence"] in found["evidence"]
    nothing = verdict_of(FALSE, MIXTURE, reason=reason)
    assert nothing["verdict"] == "refuted"  # of nothing there is no reason, but what was found of it is told
    assert nothing["parts"][-1]["evidence"] in nothing["evidence"]


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
