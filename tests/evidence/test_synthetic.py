"""Made-up tables look like a study's."""

import math

import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence.synthetic import synthetic_rows


def test_one_row_per_run_and_epoch():
    rows = synthetic_rows(
        {"he": {"val_accuracy": [[0.1, 0.8, 0.9], [0.2, 0.7, 0.6]], "test_accuracy": [0.95, 0.65]}},
        seeds={"he": [4, 8]},
    )
    assert rows[["seed", "epoch", "val_accuracy", "test_accuracy"]].to_numpy().tolist() == [
        [4, 0, 0.1, 0.95],
        [4, 1, 0.8, 0.95],
        [4, 2, 0.9, 0.95],
        [8, 0, 0.2, 0.65],
        [8, 1, 0.7, 0.65],
        [8, 2, 0.6, 0.65],
    ]
    assert rows["run_id"].nunique() == 2
    assert set(rows["arm"]) == {"he"}
    assert not rows["diverged"].any()


def test_runs_may_stop_early_or_diverge():
    rows = synthetic_rows(
        {"a": {"train_loss": [[2.0, 1.0, 0.5], [2.0, math.nan]], "diverged": [False, [False, True]]}},
    )
    assert rows.groupby("seed")["epoch"].max().to_dict() == {0: 2, 1: 1}
    assert rows[rows["seed"] == 1]["diverged"].tolist() == [False, True]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": {"x": [0.1, 0.2], "y": [0.1]}}, "one entry for each of the 2 seeds"),
        ({"a": {"x": [[0.1, 0.2]], "y": [[0.1, 0.2, 0.3]]}}, "give them one length"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, said):
    with pytest.raises(InputError, match=said):
        synthetic_rows(columns)
