"""A document's number beside ours: inside the interval of one further run, or not."""

import json
import math

import pytest

from jaxmlp.evidence.claims import Reported
from jaxmlp.evidence.measures import at, best_epoch, final, largest_drop, reached
from jaxmlp.evidence.reported import compare_reported
from jaxmlp.evidence.synthetic import synthetic_rows

# Mean 0.98, s = 0.001, t(0.975, 2) = 4.302653: one further run within ±0.0043027·√(4/3) = ±0.0049683.
ROWS = synthetic_rows({"he": {"test_accuracy": [0.979, 0.980, 0.981]}, "once": {"test_accuracy": [0.98]}})
HALF_WIDTH = 0.0049683


def compare(value, tag="doc", arm="he", measure=None):
    one = Reported("E-001", arm, measure or final("test_accuracy"), value, tag)
    (row,) = compare_reported([one], ROWS)
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    return row


@pytest.mark.parametrize(
    ("value", "tag", "agrees"),
    [
        (0.98, "doc", True),
        (0.98 + HALF_WIDTH - 1e-5, "doc", True),
        (0.98 + HALF_WIDTH + 1e-5, "doc", False),
        (0.98 - HALF_WIDTH - 1e-5, "code", False),
        (0.98 - HALF_WIDTH - 0.003 + 1e-5, "fig", True),  # read off a figure
        (0.98 - HALF_WIDTH - 0.003 - 1e-5, "fig", False),
    ],
)
def test_a_number_agrees_inside_the_interval_of_one_run(value, tag, agrees):
    assert compare(value, tag)["agrees"] is agrees


def test_the_row_holds_both_numbers():
    row = compare(0.9774)
    assert row["ledger_id"] == "E-001"
    assert row["measure"] == "final test_accuracy"
    assert (row["reported"], row["n"], row["missing"]) == (0.9774, 3, None)
    assert row["mean"] == pytest.approx(0.98)
    assert row["high"] - row["mean"] == pytest.approx(HALF_WIDTH, rel=1e-4)


def test_one_run_of_ours_cannot_say():
    row = compare(0.9774, arm="once")
    assert (row["n"], row["mean"], row["low"], row["high"], row["agrees"]) == (1, 0.98, None, None, None)


@pytest.mark.parametrize(
    ("arm", "measure", "said"),
    [
        ("randn", final("test_accuracy"), "arm randn is not in the results"),
        ("he", at("test_accuracy", epoch=9), "test_accuracy at epoch 9 in 3 of 3 runs of he"),
        ("he", final("val_accuracy"), "column val_accuracy is not in the results"),
    ],
)
def test_what_is_missing_is_said(arm, measure, said):
    row = compare(0.9774, arm=arm, measure=measure)
    assert (row["n"], row["mean"], row["agrees"], row["missing"]) == (0, None, None, said)


def test_equal_runs_agree_with_themselves_alone():
    rows = synthetic_rows({"randn": {"test_accuracy": [0.1135] * 5}})
    same, other = (Reported("E-001", "randn", final("test_accuracy"), value, "doc") for value in (0.1135, 0.12))
    assert [row["agrees"] for row in compare_reported([same, other], rows)] == [True, False]
    assert not math.isnan(compare_reported([same], rows)[0]["low"])


def test_a_gain_is_paired_by_seed():
    """Two arms whose runs vary by a point, and together: their difference hardly varies."""
    rows = synthetic_rows(
        {"base": {"test_accuracy": [0.96, 0.97, 0.98]}, "wider": {"test_accuracy": [0.990, 0.979, 0.970]}},
        seeds={"wider": [2, 1, 0]},
    )
    gain = Reported("E-044", "wider", final("test_accuracy"), 0.01, "doc", baseline="base")
    (row,) = compare_reported([gain], rows)
    assert row["mean"] == pytest.approx((0.010 + 0.009 + 0.010) / 3)
    assert row["high"] - row["low"] == pytest.approx(2 * 4.302653 * 0.001 / 3**0.5 * (4 / 3) ** 0.5, rel=1e-4)
    assert row["measure"] == "final test_accuracy, gain on base"
    assert row["agrees"]


def test_a_gain_needs_a_seed_in_both_arms():
    rows = synthetic_rows({"a": {"test_accuracy": [0.9]}, "b": {"test_accuracy": [0.9]}}, seeds={"b": [5]})
    (row,) = compare_reported([Reported("E-044", "a", final("test_accuracy"), 0.01, "doc", baseline="b")], rows)
    assert row["missing"] == "arms a and b have no seed in common"
    assert row["agrees"] is None


@pytest.mark.parametrize(
    ("measure", "unit"),
    [
        (final("test_accuracy"), "accuracy"),
        (best_epoch("val_accuracy"), "epochs"),
        (reached("val_accuracy", 0.9), "epochs"),
        (largest_drop("val_accuracy"), "pp"),
        (final("train_accuracy", minus="test_accuracy"), "pp"),
        (at("train_loss", epoch=1), ""),
    ],
)
def test_a_number_has_its_measure_s_unit(measure, unit):
    assert compare(0.5, measure=measure)["unit"] == unit


def test_a_gain_of_accuracy_is_a_difference():
    (row,) = compare_reported([Reported("E-044", "he", final("test_accuracy"), 0.0, "doc", baseline="he")], ROWS)
    assert row["unit"] == "pp"


def test_another_machine_s_seconds_neither_agree_nor_disagree():
    rows = synthetic_rows({"one": {"seconds_per_run": [1.0, 1.1, 1.2]}})
    (row,) = compare_reported([Reported("E-060", "one", final("seconds_per_run"), 1.1, "doc")], rows)
    assert (row["unit"], row["agrees"], row["missing"]) == ("s", None, None)
    assert row["low"] < 1.1 < row["high"]
