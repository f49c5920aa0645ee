"""Which number of each run is read, and what is said where there is none."""

import math

import pandas as pd
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence.measures import MissingResultsError, Value, at, best, check_rows, final, read
from jaxmlp.evidence.synthetic import synthetic_rows

ROWS = synthetic_rows(
    {
        "he": {
            "val_accuracy": [[0.10, 0.95, 0.93], [0.11, 0.90, 0.97]],
            "train_loss": [[math.nan, 0.5, 0.1], [math.nan, 0.6, 0.2]],
        },
        "stops": {"val_accuracy": [[0.1, 0.8], [0.1, 0.7, 0.9]], "train_loss": [[math.nan, 3.0], [math.nan, 2.0, 1.0]]},
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
    ],
    ids=str,
)
def test_each_run_has_one_number(value, numbers):
    (read_numbers,) = read([value], ROWS)
    assert read_numbers.to_dict() == numbers


def test_the_order_of_the_rows_does_not_matter():
    shuffled = ROWS.sample(frac=1.0, random_state=0)
    for measure in (at("val_accuracy", epoch=1), final("val_accuracy"), best("val_accuracy")):
        (a,), (b,) = read([Value("he", measure)], ROWS), read([Value("he", measure)], shuffled)
        pd.testing.assert_series_equal(a, b)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Value("randn", final("val_accuracy")), "arm randn is not in the results"),
        (Value("he", final("test_accuracy")), "column test_accuracy is not in the results"),
        (Value("he", at("val_accuracy", epoch=5)), "val_accuracy at epoch 5 in 2 of 2 runs of he"),
        (Value("stops", at("val_accuracy", epoch=2)), "val_accuracy at epoch 2 in 1 of 2 runs of stops"),
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
