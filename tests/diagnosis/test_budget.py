"""The budget: what is dearer costs more, what was compiled is cheap, and what does not fit is left out."""

from dataclasses import replace

import pandas as pd
import pytest

from jaxmlp import data
from jaxmlp.diagnosis import Setting
from jaxmlp.diagnosis.budget import Budget, work
from jaxmlp.diagnosis.outcomes import Trials
from jaxmlp.nn import MLPSpec
from jaxmlp.training import Hyper, RunSpec

DIGITS = data.load("digits")
GIVEN = Setting(RunSpec(MLPSpec((64, 32, 10)), epochs=10))
LONGER = GIVEN.with_spec(epochs=40)
FASTER = GIVEN.with_numbers(learning_rate=0.1)


def timed(seconds=5.0, compiling=(4.0,)):
    """A clock that has seen one program compiled, and eight runs of it."""
    clock = Budget(60.0)
    clock.note(Trials(pd.DataFrame(), seconds, compiling), [GIVEN], DIGITS, 8)
    return clock


def test_work_is_proportional_to_epochs_and_grows_with_width():
    assert work(LONGER, DIGITS) == 4 * work(GIVEN, DIGITS)
    assert work(GIVEN.with_part("mlp", widths=(64, 64, 10)), DIGITS) > 1.9 * work(GIVEN, DIGITS)


def test_the_same_again_costs_what_it_cost_without_compiling():
    assert timed().cost([GIVEN], DIGITS, 8) == pytest.approx(1.0 + 0.25 * 4.0)


def test_other_numbers_share_a_program_and_other_specs_do_not():
    clock = timed()
    assert clock.cost([GIVEN, FASTER], DIGITS, 8) == pytest.approx(2 * 1.0 + 0.25 * 4.0)
    assert clock.cost([LONGER], DIGITS, 8) == pytest.approx(4 * 1.0 + 4.0)


def test_what_does_not_fit_is_left_out_with_all_that_comes_after():
    settings = {"faster": FASTER, "longer": LONGER, "slower": replace(GIVEN, hyper=Hyper(learning_rate=1e-5))}
    assert timed().fitting(settings, DIGITS, 8, 5.0) == ["faster"]
    assert timed().fitting(settings, DIGITS, 8, 50.0) == ["faster", "longer", "slower"]


def test_a_budget_runs_out():
    clock = Budget(60.0, began=-1e9)
    assert clock.left < 0
