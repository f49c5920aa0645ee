"""Declarations that cannot be judged are refused when they are written, not when they are judged."""

import math
from dataclasses import replace

import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import Claim, Reported, Rival, rule_hash
from jaxmlp.evidence.measures import Value, final
from jaxmlp.evidence.parts import Difference, Equivalence, Identity, Ordering, Probability

A, B = Value("a", final("test_accuracy")), Value("b", final("test_accuracy"))
BETTER = Difference(A, B, 0.1)
FAILS = Probability(A, "below", 0.5, bound=0.5)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Difference(A, B, math.nan), "margin nan"),
        (lambda: Equivalence(A, B, 0.0), "margin 0.0: give a number above 0"),
        (lambda: Equivalence(A, B, -0.1), "margin -0.1: give a number above 0"),
        (lambda: Identity(A, B, 0.0), "tolerance 0.0: give a number above 0"),
        (lambda: Ordering((A,)), "at least two"),
        (lambda: Ordering((A, B), math.inf), "margin inf"),
        (lambda: Probability(A, "under", 0.5, bound=0.5), "choose one of below, above"),
        (lambda: Probability(A, "below", math.nan, bound=0.5), "threshold nan"),
        (lambda: Probability(A, "below", 0.5, bound=50), "bound 50: give a share of runs between 0 and 1"),
        (lambda: Probability(A, "below", 0.5, bound=0.5, direction="up"), "choose one of more, less"),
        (lambda: Reported("E-001", "a", final("test_accuracy"), 0.97, "guess"), "unknown evidence tag"),
        (lambda: Claim("C-1", (), planned_n=10), "has no parts"),
        (lambda: Claim("C-1", (BETTER,), planned_n=2), "requires 3 runs and plans 2"),
        (lambda: Claim("C-1", (BETTER,), planned_n=10, required_n=2), "requires 2 runs"),
        (lambda: Claim("C-1", (BETTER,), planned_n=10, required_n=11), "requires 11 runs and plans 10"),
        (lambda: Claim("C-1", (Identity(A, B, 1e-6),), planned_n=0), "plans 0"),
        (lambda: Claim("C-1", (replace(BETTER, scope="beyond"),), planned_n=10), "has no parts that decide"),
        (lambda: Claim("C-1", (BETTER,), planned_n=10, first_seed=10), "give a multiple of 1000"),
        (lambda: Claim("C-1", (BETTER,), planned_n=10, reason=BETTER), "give a reason and cause_found"),
        (lambda: Claim("C-1", (BETTER,), planned_n=10, cause_found="chance"), "give a reason and cause_found"),
        (lambda: Claim("C-1", (BETTER,), planned_n=10, factor="depth"), "a level in every part"),
        (lambda: Claim("C-1", (Difference(A, B, 0.1, level="2"),), planned_n=10), "a level in every part"),
    ],
)
def test_what_cannot_be_judged_is_refused(declare, said):
    with pytest.raises(InputError) as raised:
        declare()
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("first", "rival"),
    [
        (BETTER, Rival("x", B)),  # a difference needs both sides again
        (Difference(A, B, -0.1), Rival("x", B, A)),  # "not worse" has no effect to halve
        (FAILS, Rival("x", B, A)),  # a share has one side
        (Probability(A, "below", 0.5, bound=0.5, direction="less"), Rival("x", B)),
        (Probability(A, "below", 0.5, bound=B), Rival("x", B)),
        (Equivalence(A, B, 0.1), Rival("x", B, A)),
        (Ordering((A, B)), Rival("x", B, A)),
    ],
)
def test_a_rival_needs_an_effect_that_can_remain(first, rival):
    with pytest.raises(InputError, match="a rival needs"):
        Claim("C-1", (first,), planned_n=10, rival=rival)


def test_a_rival_and_a_factor_do_not_go_together():
    part = Difference(A, B, 0.1, level="2")
    with pytest.raises(InputError, match="a rival needs no factor"):
        Claim("C-1", (part,), planned_n=10, factor="depth", rival=Rival("x", B, A))


@pytest.mark.parametrize(
    "wrong", [{"reason": Difference(A, B, 0.1, level="2")}, {"reason": BETTER, "rival": Rival("x", B, A)}]
)
def test_a_reason_stands_alone_and_at_no_level(wrong):
    with pytest.raises(InputError, match="a rival or a reason, not both, and the reason no level"):
        Claim("C-1", (BETTER,), planned_n=10, cause_found="chance", **wrong)


def test_declarations_cannot_be_changed_and_are_equal_by_content():
    assert Claim("C-1", (BETTER, FAILS), planned_n=10) == Claim(
        "C-1", (Difference(A, B, 0.1), Probability(A, "below", 0.5, bound=0.5)), planned_n=10
    )
    with pytest.raises(AttributeError):
        BETTER.margin = 0.0  # type: ignore[misc]


def test_words_are_no_part_of_a_rule_and_margins_are():
    claim = Claim("C-1", (BETTER,), planned_n=10)
    told = replace(claim, margin_reason="half of what it prints", limits="few runs", ours=True)
    assert rule_hash(told) == rule_hash(replace(claim, parts=(replace(BETTER, expected=0.2),))) == rule_hash(claim)
    for other in (replace(claim, first_seed=1000), replace(claim, parts=(replace(BETTER, scope="beyond"), FAILS))):
        assert rule_hash(other) != rule_hash(claim)
