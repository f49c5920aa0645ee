"""A document's number beside ours: inside the interval of one further run, or not."""

import json
import math

import pytest

from jaxmlp.evidence.claims import Reported
from jaxmlp.evidence.measures import at, final
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
