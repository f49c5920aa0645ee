"""Sweeps: every run, mean and document's number at the value of its setting."""

import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence import Reported, Sweep, SweepCurves, at, final, synthetic_rows

ROWS = synthetic_rows(
    {
        "low": {"test_accuracy": [0.2, 0.4]},
        "high": {"test_accuracy": [0.9, 0.9]},
        "other": {"test_accuracy": [0.5, 0.6]},
    }
)
REPORTED = (
    Reported("E-026", "low", final("test_accuracy"), 0.25, "fig"),
    Reported("E-026", "low", at("test_accuracy", epoch=1), 0.11, "fig"),
)
FIGURE = SweepCurves(
    (Sweep("net A", ((0.01, "low"), (1.0, "high"))), Sweep("net B", ((0.1, "other"), (10.0, "not run")))),
    "test_accuracy",
    "learning rate",
    reported=REPORTED,
)


def lines(ax, label):
    return [line.get_xydata().tolist() for line in ax.lines if line.get_label() == label]


def test_runs_means_and_numbers_stand_at_their_setting():
    (ax,) = FIGURE.draw(ROWS).axes
    assert ax.get_xscale() == "log"
    assert lines(ax, "run")[0] == [[0.01, 0.2], [0.01, 0.4]]
    np.testing.assert_allclose(lines(ax, "mean")[0], [[0.01, 0.3], [1.0, 0.9]])
    np.testing.assert_allclose(lines(ax, "mean")[1], [[0.1, 0.55]])
    assert lines(ax, "document") == [[[0.01, 0.25]]]
    low, high = ax.get_ylim()
    assert low < 0.2 < 0.9 < high
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.01", "0.1", "1", "10"]
    assert {text.get_text() for text in ax.texts} == {"net A", "net B"}


def test_name_arms_and_caption():
    assert FIGURE.name == "sweep_test_accuracy_learning_rate"
    assert FIGURE.arms == ("low", "high", "other", "not run")
    assert "Diamonds" in FIGURE.caption


def test_without_any_of_its_arms_there_is_no_figure():
    with pytest.raises(InputError, match="run one"):
        SweepCurves((Sweep("net", ((1.0, "none"),)),), "test_accuracy", "rate").draw(ROWS)


def test_a_number_of_an_arm_in_two_sweeps_is_drawn_once():
    twice = SweepCurves((Sweep("a", ((0.01, "low"),)), Sweep("b", ((0.01, "low"),))), "test_accuracy", "rate",
                        reported=REPORTED)  # fmt: skip
    (ax,) = twice.draw(ROWS).axes
    assert len(lines(ax, "document")) == 1
