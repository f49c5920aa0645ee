"""Every rule of every experiment: it has a reason for its margins, can be decided, and amendments are told."""

import pytest

from experiments.lab.amendments import load_amendments, parse_amendments
from experiments.lab.ledger import load_ledger
from experiments.lab.published import PUBLISHED
from experiments.lab.registry import EXPERIMENTS
from experiments.lab.session import judged_tables
from jaxmlp.evidence.claims import Claim
from jaxmlp.evidence.parts import Identity
from jaxmlp.evidence.rule_power import Decidability, decidability

CLAIMS: dict[str, Claim] = {claim.id: claim for one in EXPERIMENTS.values() for claim in one.claims}
AMENDED = load_amendments()


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_a_margin_has_its_reason(claim):
    assert claim.margin_reason.endswith(".") or all(isinstance(part, Identity) for part in claim.parts)


def test_a_claim_is_declared_once():
    assert len(CLAIMS) == sum(len(one.claims) for one in EXPERIMENTS.values())


# Parts whose power is below .8 where the document's effect is what it says: `limits` of the claim tells a reader.
WEAK = {"C-216": 2}


@pytest.mark.parametrize("name", [name for name, one in EXPERIMENTS.items() if one.claims])
def test_every_rule_can_be_decided_at_its_planned_n(name):
    """Both verdicts can come out, with a power of .8 at the planned effect, by the spread of the published runs.

    Where fewer than three runs of a part are published its spread is not known, but it has a planned effect.
    """
    experiment = EXPERIMENTS[name]
    rows = judged_tables(experiment, PUBLISHED / name)
    for claim in experiment.claims:
        parts = decidability(claim, rows)
        unknown = [one for one in parts if one.power is None]
        assert all(one.both and one.detectable is None and _planned(one) is not None for one in unknown), claim.id
        weak = [one for one in parts if one.power is not None and not one.enough]
        assert len(weak) == WEAK.get(claim.id, 0), (claim.id, weak)
        assert bool(claim.limits) or not weak, claim.id


def _planned(one: Decidability) -> float | None:
    return None if isinstance(one.part, Identity) else one.part.planned_effect


def test_fresh_seeds_and_redeclared_rules_are_the_same_claims():
    redeclared = {one.claim for one in AMENDED.claims if one.redeclared}
    assert redeclared == {claim.id for claim in CLAIMS.values() if claim.first_seed}


def test_an_amended_rule_is_judged_on_fresh_seeds():
    """Whatever was changed after results had been seen, long ago or now."""
    assert {one.claim for one in AMENDED.claims} == {claim.id for claim in CLAIMS.values() if claim.first_seed}


def test_amendments_are_of_claims_in_the_ledger_and_tell_of_those_that_are_known():
    assert {one.claim for one in AMENDED.claims} <= load_ledger().claims.keys()
    assert {"C-103", "C-118", "C-105", "C-425", "C-427", "C-005"} <= {
        one.claim for one in AMENDED.claims if not one.redeclared
    }
    (first, _) = AMENDED.of("C-103")
    assert (first.before, first.after) == ("refuted", "reproduced")
    assert "Before: refuted; after: reproduced." in str(first)


ENTRY = """
[[amendment]]
claim = "C-001"
date = 2026-11-21
changed = "rule"
what = "A margin."
why = "It was wrong."
before = "refuted"
after = "pending"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"C-001"', '"C-0"', "C-0: field 'claim' is not in the ledger"),
        ('"rule"', '"mood"', "C-001: field 'changed' is none of rule, arms"),
        ('"refuted"', '"maybe"', "C-001: field 'before' is none of"),
        ('"A margin."', '"A margin"', "C-001: field 'what' is no sentence"),
        ('why = "It was wrong."\n', "", "C-001: missing field 'why'"),
        ("2026-11-21", '"today"', "C-001: field 'date' is 'today', expected date"),
        ('after = "pending"', 'after = "pending"\nwho = "we"', "C-001: unknown field 'who'"),
        ("[[amendment]]", "[[change]]", "unknown kind of entry change"),
    ],
)
def test_an_entry_that_is_not_well_formed_names_claim_and_field(old, new, said):
    assert parse_amendments(ENTRY).of("C-001")[0].changed == "rule"
    with pytest.raises(ValueError, match=said):
        parse_amendments(ENTRY.replace(old, new))


def test_amendments_stand_in_the_order_of_their_dates():
    later = ENTRY.replace("2026-11-21", "2026-11-20")
    with pytest.raises(ValueError, match="order of their dates"):
        parse_amendments(ENTRY + later)
