"""Claims of several parts, of several levels, with a rival cause; and the fields of verdicts.json."""

from dataclasses import replace

import pandas as pd
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import Claim, Rival
from jaxmlp.evidence.measures import Value, final
from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability
from jaxmlp.evidence.verdicts import judge
from tests.evidence.judged import LEDGER, A, B, C, around, ends, verdict_of


def test_the_verdict_has_the_fields_of_verdicts_json():
    verdict = verdict_of(Probability(A, "below", 0.5, bound=0.5), ends(a=[0.1135] * 18 + [0.78] * 2))
    fixed = "claim doc statement ours verdict how cause_found margins fragile qualified kind effect unit delta ci_low "
    fixed += "ci_high n planned_n first_seed rule margin_reason limits arms factor seeds_needed dataset"
    assert list(verdict) == [*fixed.split(), "device", "preset", "evidence", "preview", "parts", "amended"]
    told = {"claim": "C-1", "doc": "D0", "statement": "a statement", "kind": "probability", "unit": "share of runs"}
    told |= {"effect": 0.9, "delta": 0.5, "n": 20, "arms": ["a"], "factor": None, "dataset": "mnist", "device": "CPU"}
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
        ({"relu": [FALSE], "tanh": [OPEN]}, "refuted"),
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
    still_fails = verdict_of(fails, ends(a=[0.1] * 12, b=[0.1] * 12), rival=rival)
    assert still_fails["verdict"] == "other_cause"
    assert still_fails["arms"] == ["a", "b"]
    assert verdict_of(fails, ends(a=[0.1] * 12, b=[0.97] * 12), rival=rival)["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [(TRUE, "reproduced"), (FALSE, "other_cause"), (OPEN, "inconclusive"), (ABSENT, "not_tested")],
)
def test_the_cause_is_another_where_the_reason_given_is_refuted(reason, verdict):
    told = {"reason": reason, "cause_found": "chance"}
    found = verdict_of(TRUE, MIXTURE, **told)
    assert found["cause_found"] == ("chance" if verdict == "other_cause" else "")
    assert found["verdict"] == verdict
    assert [part["role"] for part in found["parts"]] == ["part", "reason"]
    assert "the reason given is refuted" in found["rule"]
    assert found["parts"][-1]["evidence"] in found["evidence"]
    nothing = verdict_of(FALSE, MIXTURE, **told)
    assert nothing["verdict"] == "refuted"  # of nothing there is no reason, but what was found of it is told
    assert nothing["parts"][-1]["evidence"] in nothing["evidence"]


def test_without_the_phenomenon_a_rival_is_told_and_changes_nothing():
    found = verdict_of(FALSE, MIXTURE, rival=Rival("momentum", A, C))
    assert (found["verdict"], found["cause_found"]) == ("refuted", "")
    assert [part["role"] for part in found["parts"]] == ["part", "rival"]
    assert "Rival, momentum" in found["evidence"]


@pytest.mark.parametrize(("remains", "verdict"), [(0.85, "reproduced"), (0.50, "other_cause"), (0.62, "other_cause")])
def test_what_remains_without_the_rival_is_the_documents(remains, verdict):
    rows = ends(a=around(0.9, 0.01), b=around(0.5, -0.01), c=around(remains, 0.01))
    found = verdict_of(Difference(A, B, 0.1), rows, rival=Rival("the fault", C, B, removed=True))
    assert found["verdict"] == verdict
    assert found["cause_found"] == ("the fault" if verdict == "other_cause" else "")
    assert "less than half of the effect remains without the fault" in found["rule"]


# What decides, what is told beside it, and what qualifies.


def beyond(part):
    return replace(part, scope="beyond", level="ours")


@pytest.mark.parametrize(
    ("parts", "verdict", "qualified"),
    [
        ((TRUE, beyond(FALSE)), "reproduced", ["ours: refuted (opposite)"]),
        ((TRUE, beyond(TRUE)), "reproduced", []),
        ((TRUE, beyond(ABSENT)), "reproduced", []),
        ((FALSE, beyond(TRUE)), "refuted", ["ours: reproduced"]),
        ((OPEN, beyond(FALSE)), "inconclusive", []),
    ],
)
def test_parts_beyond_the_document_qualify_and_never_refute(parts, verdict, qualified):
    found = verdict_of(parts, MIXTURE)
    assert (found["verdict"], found["qualified"]) == (verdict, qualified)
    assert [part["scope"] for part in found["parts"]] == ["primary", "beyond"]
    assert "beyond the document, ours" in found["rule"]


def test_parts_beside_the_main_sentence_are_told():
    found = verdict_of((TRUE, replace(FALSE, scope="beside")), MIXTURE)
    assert (found["verdict"], found["qualified"]) == ("reproduced", [])
    assert found["parts"][1]["verdict"] == "refuted"


@pytest.mark.parametrize(
    ("part", "rows", "how"),
    [
        (Difference(A, B, 0.01), ends(a=around(0.50, 0.001), b=around(0.60, -0.001)), "opposite"),
        (Difference(A, B, 0.01), ends(a=around(0.60, 0.001), b=around(0.60, -0.001)), "absent"),
        (Difference(A, B, 0.01), ends(a=around(0.605, 0.001), b=around(0.60, -0.001)), "smaller"),
        (Difference(A, B, -0.01), ends(a=around(0.50, 0.001), b=around(0.60, -0.001)), "different"),
        (Equivalence(A, B, 0.01), ends(a=around(0.50, 0.001), b=around(0.60, -0.001)), "different"),
        (Identity(A, B, 0.01), ends(a=around(0.50, 0.001), b=around(0.60, -0.001)), "counterexample"),
        (Probability(A, "above", 0.5, bound=0.5), ends(a=[0.1] * 12), "not most"),
        (Ordering((A, B)), ends(a=around(0.50, 0.001), b=around(0.60, -0.001)), "order"),
    ],
)
def test_a_no_says_how(part, rows, how):
    found = verdict_of(part, rows)
    assert (found["verdict"], found["how"], found["parts"][0]["how"]) == ("refuted", how, how)


def test_only_a_no_says_how():
    assert {verdict_of(part, MIXTURE)["how"] for part in (TRUE, OPEN, ABSENT)} == {""}
    both = verdict_of(at_levels(relu=[TRUE], tanh=[FALSE]), MIXTURE, factor="activation")
    assert (both["verdict"], both["how"]) == ("mixed", "opposite")


@pytest.mark.parametrize(
    ("gap", "margins"),
    [
        (0.40, {"half": "reproduced", "double": "reproduced"}),
        (0.15, {"half": "reproduced", "double": "refuted"}),
        (0.07, {"half": "reproduced", "double": "refuted"}),
        (0.01, {"half": "refuted", "double": "refuted"}),
    ],
)
def test_a_verdict_that_half_or_double_the_margin_would_change_is_fragile(gap, margins):
    found = verdict_of(Difference(A, B, 0.1), ends(a=around(0.5 + gap, 0.01), b=around(0.5, -0.01)))
    assert found["margins"] == margins
    assert found["fragile"] == (set(margins.values()) != {found["verdict"]})


# A rule that was declared anew is judged on fresh seeds alone.


def with_seeds(rows, first):
    return rows.assign(seed=rows["seed"] + first, run_id=[f"{one}-{first}" for one in rows["run_id"]])


TRUE_THERE, FALSE_HERE = (ends(a=around(a, 0.01), b=around(b, -0.01)) for a, b in ((0.9, 0.5), (0.5, 0.9)))
BOTH_SEEDS = pd.concat([FALSE_HERE, with_seeds(TRUE_THERE, 1000)], ignore_index=True)


@pytest.mark.parametrize(("first", "verdict"), [(0, "refuted"), (1000, "reproduced"), (2000, "pending")])
def test_a_claim_is_judged_on_the_seeds_of_its_own_block(first, verdict):
    found = verdict_of(Difference(A, B, 0.1), BOTH_SEEDS, first_seed=first)
    assert (found["verdict"], found["first_seed"]) == (verdict, first)


def test_nothing_is_looked_at_before_the_planned_number_of_fresh_seeds_has_run():
    found = verdict_of((TRUE, FALSE), BOTH_SEEDS, first_seed=1000, planned_n=11)
    assert (found["verdict"], found["effect"], found["ci_low"], found["margins"]) == ("pending", None, None, {})
    assert {part["verdict"] for part in found["parts"]} == {"pending"}
    assert "0 of 11 of which have run" in found["evidence"]


def test_a_preview_is_judged_on_all_its_seeds():
    rows = with_seeds(TRUE_THERE, 0)
    assert verdict_of(Difference(A, B, 0.1), rows, first_seed=1000, preset="quick")["verdict"] == "reproduced"


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
