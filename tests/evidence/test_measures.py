"""Which number of each run is read, and what is said where there is none."""

import math

import numpy as np
import pandas as pd
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence.measures import (
    Value,
    at,
    at_best,
    best,
    best_epoch,
    change,
    fall,
    final,
    fluctuation,
    gain_after_cuts,
    largest_drop,
    lowest,
    reached,
)
from jaxmlp.evidence.readings import MissingResultsError, check_rows, read
from jaxmlp.evidence.synthetic import synthetic_rows

ROWS = synthetic_rows(
    {
        "he": {
            "val_accuracy": [[0.10, 0.95, 0.93], [0.11, 0.90, 0.97]],
            "train_loss": [[math.nan, 0.5, 0.1], [math.nan, 0.6, 0.2]],
        },
        "stops": {"val_accuracy": [[0.1, 0.8], [0.1, 0.7, 0.9]], "train_loss": [[math.nan, 3.0], [math.nan, 2.0, 1.0]]},
        "gap": {"train_accuracy": [[0.1, 1.0], [0.1, 1.0]], "test_accuracy": [[math.nan, 0.5], [math.nan, 0.75]]},
        "climbs": {
            "val_accuracy": [[0.1, 0.5, 1.0], [0.1, 0.5, 0.75], [0.1, 0.5, 0.5], [0.8, 0.1, 0.1]],
        },
        "diverges": {
            "val_accuracy": [[0.1, 0.2, 0.1], [0.1, 0.9, 0.9]],
            "train_loss": [[math.nan, 9.0, math.nan], [math.nan, 2.0, math.inf]],
        },
    },
    seeds={"he": [7, 3]},
)


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (Value("he", at("val_accuracy", epoch=0)), {7: 0.10, 3: 0.11}),
        (Value("he", at("val_accuracy", epoch=1)), {7: 0.95, 3: 0.90}),
        (Value("he", final("val_accuracy")), {7: 0.93, 3: 0.97}),
        (Value("he", best("val_accuracy")), {7: 0.95, 3: 0.97}),
        (Value("he", best("train_loss")), {7: 0.5, 3: 0.6}),  # none exists before training
        (Value("stops", final("val_accuracy")), {0: 0.8, 1: 0.9}),  # an early stop's last row
        (Value("diverges", final("val_accuracy")), {0: 0.1, 1: 0.9}),  # a diverged run counts as chance
        (Value("diverges", final("diverged")), {0: 0.0, 1: 0.0}),  # true or false is a number too
        (Value("gap", final("train_accuracy", minus="test_accuracy")), {0: 0.5, 1: 0.25}),
        (Value("climbs", reached("val_accuracy", 0.75)), {0: 1.5, 1: 2.0, 2: 3.0, 3: 0.0}),  # 2: never, in 2 epochs
    ],
    ids=str,
)
def test_each_run_has_one_number(value, numbers):
    (read_numbers,) = read([value], ROWS)
    assert read_numbers.to_dict() == numbers


# Epoch 0 lies above all others: it never counts as a peak, nor does the fall from it count as a drop.
SHAPES = synthetic_rows(
    {
        "falls": {
            "val_accuracy": [[0.99, 0.5, 0.9, 0.8, 0.9, 0.3], [0.99, 0.6, 0.7, 0.7, 0.75, 0.8]],
            "train_loss": [[math.nan, 1.0, 0.4, 0.5, 0.3, 2.0], [math.nan, 1.0, 0.9, 0.8, 0.7, 0.6]],
            # Cut after epochs 2 and 4: bests 0.9, 0.9, 0.3 of one run, 0.7, 0.75, 0.8 of the other.
            "learning_rate": [[1.0, 1.0, 1.0, 0.1, 0.1, 0.01]] * 2,
        },
        "never cut": {"val_accuracy": [[0.1, 0.5]], "learning_rate": [[1.0, 1.0]]},
    }
)


@pytest.mark.parametrize(
    ("measure", "numbers"),
    [
        (lowest("train_loss"), [0.3, 0.6]),
        (best_epoch("val_accuracy"), [2, 5]),  # the first of two equals
        (largest_drop("val_accuracy"), [0.6, 0.0]),
        (fall("val_accuracy"), [0.6, 0.0]),
        (change("val_accuracy", since=1), [-0.2, 0.2]),
        (reached("train_loss", 0.75), [1.0, 1.0]),  # nothing before training
        (reached("train_loss", 1.5), [4 + 1.2 / 1.7, 6.0]),  # never: one more than the last
        (at_best("train_loss", of="val_accuracy"), [0.4, 0.6]),
        (gain_after_cuts("val_accuracy", first=2), [-0.6, 0.05]),
        (gain_after_cuts("val_accuracy", first=1), [0.0, 0.05]),  # the second cut of the first run does not count
    ],
    ids=str,
)
def test_the_shape_of_a_curve_is_one_number(measure, numbers):
    (found,) = read([Value("falls", measure)], SHAPES)
    assert found.tolist() == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (best_epoch("val_accuracy"), "best epoch of val_accuracy"),
        (change("val_accuracy", since=1), "change of val_accuracy since epoch 1"),
        (reached("val_accuracy", 0.95), "epochs until val_accuracy reaches 0.95"),
        (at_best("train_loss", of="val_accuracy"), "train_loss at the best val_accuracy"),
        (
            gain_after_cuts("val_accuracy", first=2),
            "smallest gain of val_accuracy after one of the first 2 cuts of the learning_rate",
        ),
    ],
)
def test_a_measure_reads_as_a_sentence(measure, text):
    assert str(measure) == text


def test_a_rate_that_was_never_cut_has_gained_nothing_and_a_column_beside_must_be_there():
    measure = gain_after_cuts("val_accuracy", first=2)
    assert read([Value("never cut", measure)], SHAPES)[0].tolist() == [0.0]
    with pytest.raises(MissingResultsError, match="column learning_rate is not in the results"):
        read([Value("falls", measure)], SHAPES.drop(columns="learning_rate"))


def test_the_order_of_the_rows_does_not_matter():
    shuffled = ROWS.sample(frac=1.0, random_state=0)
    for measure in (at("val_accuracy", epoch=1), final("val_accuracy"), best("val_accuracy")):
        (a,), (b,) = read([Value("he", measure)], ROWS), read([Value("he", measure)], shuffled)
        pd.testing.assert_series_equal(a, b)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Value("randn", final("val_accuracy")), "arm randn is not in the results"),
        (Value("he", final("val_loss")), "column val_loss is not in the results"),
        (Value("he", at("val_accuracy", epoch=5)), "val_accuracy at epoch 5 in 2 of 2 runs of he"),
        (Value("stops", at("val_accuracy", epoch=2)), "val_accuracy at epoch 2 in 1 of 2 runs of stops"),
        (Value("he", final("val_accuracy", minus="test_loss")), "column test_loss is not in the results"),
        (
            Value("gap", reached("val_accuracy", 0.9)),  # without a validation part there is nothing to reach
            "epochs until val_accuracy reaches 0.9 in 2 of 2 runs of gap",
        ),
        (Value("diverges", final("train_loss")), "final train_loss in 2 of 2 runs of diverges"),
        (Value("he", at("train_loss", epoch=0)), "train_loss at epoch 0 in 2 of 2 runs of he"),
    ],
    ids=str,
)
def test_what_is_missing_is_said(value, said):
    with pytest.raises(MissingResultsError) as raised:
        read([value], ROWS)
    assert str(raised.value) == said


def test_everything_that_is_missing_is_said_once():
    absent = [Value("a", final("val_accuracy")), Value("b", final("val_accuracy")), Value("a", best("val_accuracy"))]
    with pytest.raises(MissingResultsError, match=r"^arm a is not in the results; arm b is not in the results$"):
        read(absent, ROWS)


def test_an_epoch_is_not_negative():
    with pytest.raises(InputError, match="epoch -1"):
        at("val_accuracy", epoch=-1)


def test_rows_without_seeds_are_refused():
    with pytest.raises(InputError, match="no column seed"):
        check_rows(ROWS.drop(columns="seed"))


def test_a_run_that_stands_twice_is_refused():
    with pytest.raises(InputError, match="arm he, seed 7, epoch 0 twice"):
        check_rows(pd.concat([ROWS, ROWS]))
    check_rows(ROWS)


@pytest.mark.parametrize(
    ("curve", "since", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], 0, 0.0),  # a steady rise
        ([0.9, 0.5, 0.6, 0.5, 0.6, 0.5], 1, np.std([-0.2, 0.2, -0.2], ddof=1) / np.sqrt(3)),
        ([0.0, 0.1, 0.4, 0.6, 0.7, 0.7], 1, 0.0),  # a rise that slows evenly
        ([0.0, 0.5, 0.5, 0.5, 0.5], 1, 0.0),
    ],
)
def test_fluctuation_is_what_is_left_of_a_curve_without_its_trend(curve, since, expected):
    rows = synthetic_rows({"a": {"test_accuracy": [curve]}})
    (numbers,) = read([Value("a", fluctuation("test_accuracy", since=since))], rows)
    assert numbers[0] == pytest.approx(expected, abs=1e-12)
