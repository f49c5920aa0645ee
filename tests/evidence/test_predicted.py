"""A law's number beside ours: inside the interval, within the law's own band, or outside with its reason."""

import json

import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence import LawRows, Predicted, Value, compare_predicted, final, predicted_table
from jaxmlp.evidence.claims import rule_hash
from jaxmlp.evidence.plotting import svg_bytes
from jaxmlp.evidence.report import StudyReport, render_report
from jaxmlp.evidence.synthetic import synthetic_rows

# Mean 0.98, s = 0.001: ±4.302653 · 0.001/√3 = ±0.0024841. And 30 successes of 100 in three runs.
ROWS = synthetic_rows(
    {
        "he": {"train_loss": [0.979, 0.980, 0.981], "test_accuracy": [0.9, 0.9, 0.9]},
        "once": {"train_loss": [0.98]},
        "tail": {"train_loss": [8.0, 10.0, 12.0], "val_loss": [30.0, 30.0, 40.0]},
    }
)
HALF_WIDTH = 0.0024841


def law(value, arm="he", **more):
    return Predicted("drift", "−5/(2n)", "n = 3", value, Value(arm, final("train_loss")), **more)


def compared(one):
    (row,) = compare_predicted([one], ROWS)
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    return row


@pytest.mark.parametrize(
    ("value", "inside", "in_band"),
    [
        (0.98, True, True),
        (0.98 + HALF_WIDTH - 1e-5, True, True),
        (0.98 + HALF_WIDTH + 1e-5, False, True),
        (0.98 - HALF_WIDTH - 1e-5, False, True),
        (1.00, False, False),  # ± 2 % ends at .98, in the middle of the interval
    ],
)
def test_the_interval_holds_a_number_or_the_law_s_band_holds_the_interval(value, inside, in_band):
    row = compared(law(value, band=0.02, limits="why"))
    assert (row["inside"], row["in_band"], row["n"]) == (inside, in_band, 3)
    assert row["reason"] == ("" if inside else "why")
    assert row["high"] - row["measured"] == pytest.approx(HALF_WIDTH, rel=1e-4)


def test_a_share_is_of_all_that_was_counted():
    row = compared(law(0.4, arm="tail", of=Value("tail", final("val_loss"))))
    assert (row["measured"], row["n"], row["inside"]) == (0.3, 100, False)
    assert (row["low"], row["high"]) == pytest.approx((0.2124064, 0.3998147), rel=1e-5)  # Clopper and Pearson's table


@pytest.mark.parametrize(("arm", "n", "said"), [("once", 1, "too few runs"), ("nobody", 0, "arm nobody is not in")])
def test_what_cannot_be_said_is_not(arm, n, said):
    row = compared(law(0.98, arm=arm))
    assert (row["n"], row["inside"]) == (n, None)
    assert said in predicted_table([row])


def test_the_table_has_as_many_digits_as_the_interval_needs():
    lines = predicted_table([compared(law(0.97531, limits="why so"))]).splitlines()
    assert lines[2] == "| drift | −5/(2n) | n = 3 | 0.97531 | 0.98 [0.97752, 0.98248] | 3 | ✗ outside: why so |"


def test_the_page_and_the_figure_show_it():
    found = compare_predicted([law(0.98, limits="why"), law(0.97, limits="why"), law(0.98, arm="once")], ROWS)
    manifest = {"experiment": "laws", "question": "Are there laws?"}
    page = render_report([StudyReport(manifest, (), (), ROWS, (), found)])
    assert page.count("✓ inside") == 1
    assert "✗ outside: why" in page
    assert "Verdicts</h2>" not in page
    figure = LawRows((law(0.98), law(0.97), law(0.98, arm="once")))
    (ax,) = figure.draw(ROWS).axes
    dots = [line for line in ax.lines if line.get_label() == "measured"]
    assert [float(np.ravel(dot.get_xdata())[0]) for dot in dots] == pytest.approx([0.98 / 0.97, 1.0])
    assert svg_bytes(figure.draw(ROWS), "law")


def test_its_hash_is_of_the_rule_and_not_of_the_words():
    assert rule_hash(law(0.98, limits="why")) == rule_hash(law(0.98))
    assert rule_hash(law(0.98, band=0.1)) != rule_hash(law(0.98))


@pytest.mark.parametrize(("value", "more"), [(np.inf, {}), (1.0, {"band": 0.0})])
def test_a_number_that_is_none_is_refused(value, more):
    with pytest.raises(InputError, match=r"law drift, −5/\(2n\), n = 3"):
        law(value, **more)
