"""Every claim of every experiment finds what made-up tables hold, whose truth is known.

The modules of this folder list such tables as `CASES`: (claim, verdict, arms as `tables.made_up_tables` takes them).
"""

from importlib import import_module
from itertools import product
from pathlib import Path

import pytest

from experiments.lab.registry import EXPERIMENTS
from tests.experiments.tables import UNTESTED, VERDICTS, accuracies, table, verdict_of

MODULES = [import_module(f"tests.experiments.{path.stem}") for path in sorted(Path(__file__).parent.glob("test_*.py"))]
CASES = [case for module in MODULES if module.__name__ != __name__ for case in getattr(module, "CASES", ())]
CLAIMS = [claim for experiment in EXPERIMENTS.values() for claim in experiment.claims]


@pytest.mark.parametrize(("claim", "verdict", "arms"), CASES, ids=[f"{claim} {verdict}" for claim, verdict, _ in CASES])
def test_a_claim_finds_what_the_table_holds(claim, verdict, arms):
    assert verdict_of(CLAIMS, claim, arms) == verdict


def test_every_claim_has_three_tables():
    """One where it is true, one where it is false, and one too noisy to tell."""
    wanted = set(product((claim.id for claim in CLAIMS), VERDICTS))
    assert wanted - {(claim, verdict) for claim, verdict, _ in CASES} == set()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_without_its_arms_a_claim_is_not_tested(claim):
    assert verdict_of(CLAIMS, claim.id, table(accuracies(another=0.97))) in UNTESTED
