"""The figure of training that turns around: both panels, every peak, and the counts in words."""

import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence import PeakCurves, synthetic_rows

ROWS = synthetic_rows(
    {
        "falls": {
            "val_accuracy": [[0.99, 0.5, 0.9, 0.3], [0.99, 0.6, 0.7, 0.8]],
            "train_loss": [[2.3, 1.0, 0.4, 2.0], [2.3, 1.0, 0.8, 0.7]],
        },
        "steady": {"val_accuracy": [[0.1, 0.5, 0.6, 0.7]], "train_loss": [[2.3, 1.0, 0.9, 0.8]]},
    }
)
FIGURE = PeakCurves(("falls", "steady", "another"), 0.05)


def test_every_run_s_best_epoch_is_a_dot_and_epoch_0_is_none():
    loss, accuracy = FIGURE.draw(ROWS).axes
    assert [line for line in loss.lines if line.get_label() == "peak"] == []
    dots = [line for line in accuracy.lines if line.get_label() == "peak"]
    assert [sorted(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in dots] == [
        [(2, 0.9), (3, 0.8)],
        [(3, 0.7)],
    ]


def test_how_many_runs_degrade_is_said_for_every_arm():
    texts = [text.get_text() for text in FIGURE.draw(ROWS).texts]
    end = "runs end over 5 points below their best"
    assert f"falls: 1 of 2 {end}, 1 below their epoch 1; best epochs 2, 3" in texts
    assert f"steady: 0 of 1 {end}, 0 below their epoch 1; best epochs 3" in texts


def test_both_panels_show_every_arm():
    for ax in FIGURE.draw(ROWS).axes:
        assert len([line for line in ax.lines if line.get_label() == "mean"]) == 2


def test_its_name_tells_it_apart_and_its_caption_says_how_to_read_it():
    assert FIGURE.name == "peaks_val_accuracy"
    assert PeakCurves(("falls",), 0.05, part="rates").name == "peaks_val_accuracy_rates"
    assert "Dots: each run's best epoch." in FIGURE.caption


def test_without_any_of_its_arms_there_is_no_figure():
    with pytest.raises(InputError, match="needs arm another"):
        PeakCurves(("another",), 0.05).draw(ROWS)
