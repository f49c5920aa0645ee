"""Symptoms: each shows where it is, and not in a healthy run."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from jaxmlp import data
from jaxmlp.diagnosis import Setting
from jaxmlp.diagnosis.bar import Bar, bar_of, constant_loss, constant_score
from jaxmlp.diagnosis.data_checks import RANGES
from jaxmlp.diagnosis.symptoms import symptoms_of
from jaxmlp.nn import OUTPUTS, MLPSpec
from jaxmlp.training import LossSpec, RunSpec

DIGITS = data.load("digits")
BAR = Bar(constant=0.1, reference=0.97, noise=0.005)
EPOCHS = 8
PLAIN = Setting(RunSpec(MLPSpec((64, 32, 10)), epochs=EPOCHS))
NORMED = PLAIN.with_part("mlp", norm="batch_norm")


def runs(train_loss, test_accuracy, train_accuracy=None, *, diverged=False):
    """Eight equal runs with these curves over epochs 1 to 8; a number stands for all."""

    def curve(values):
        return [values] * EPOCHS if isinstance(values, int | float) else list(values)

    train_accuracy = test_accuracy if train_accuracy is None else train_accuracy
    columns = {
        "train_loss": curve(train_loss),
        "test_accuracy": curve(test_accuracy),
        "train_accuracy": curve(train_accuracy),
    }
    frames = [
        pd.DataFrame(
            {"seed": seed, "run_id": f"run {seed}", "epoch": range(1, EPOCHS + 1), "diverged": diverged} | columns
        )
        for seed in range(8)
    ]
    return pd.concat(frames, ignore_index=True)


LEARNING = [1.0, 0.5, 0.3, 0.2, 0.15, 0.15, 0.15, 0.15]
RISING = [0.6, 0.8, 0.9, 0.95, 0.96, 0.96, 0.96, 0.96]
LN10 = constant_loss(LossSpec(), DIGITS)
CASES = {
    "healthy": (PLAIN, runs(LEARNING, RISING), set()),
    "overfits a little": (PLAIN, runs(LEARNING, RISING, [value + 0.03 for value in RISING]), set()),
    "diverged": (PLAIN, runs(math.nan, 0.1, diverged=True), {"diverged", "at chance"}),
    "exploded": (PLAIN, runs(1e17, 0.1), {"exploded", "at chance"}),
    "constant": (PLAIN, runs(LN10, 0.1), {"answers all alike", "at chance"}),
    "worse": (PLAIN, runs(4.0, 0.3), {"worse than a constant answer"}),
    "collapsed": (PLAIN, runs(LEARNING, [*RISING[:-1], 0.5]), {"collapsed", "unstable"}),
    "unstable": (PLAIN, runs(LEARNING, [0.9, 0.6, 0.95, 0.6, 0.95, 0.6, 0.95, 0.9]), {"unstable"}),
    "slow": (PLAIN, runs([2.2, 2.1, 2.0, 1.9, 1.8, 1.7, 1.6, 1.5], [0.2 + 0.05 * i for i in range(8)]), {"slow"}),
    "overfits": (PLAIN, runs(LEARNING, 0.8, 1.0), {"overfits"}),
    "statistics": (NORMED, runs(LEARNING, 0.2, 0.2), {"training and testing differ"}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_symptoms_of_a_run_are_these(case):
    given, rows, expected = CASES[case]
    assert {one.name for one in symptoms_of(rows, given, DIGITS, BAR)} == expected


def test_a_symptom_has_its_number_in_words():
    given, rows, _ = CASES["constant"]
    sentence = symptoms_of(rows, given, DIGITS, BAR)[0].sentence
    assert sentence.startswith("In 8 of 8 runs the training loss ends at 2.303 = ln 10, the loss of a constant answer")


def test_the_constant_answer_of_the_digits_is_nearly_that_of_equal_classes():
    assert pytest.approx(math.log(10), abs=1e-3) == LN10
    score, error = constant_score(DIGITS)
    assert 0.08 < score < 0.12
    assert error == pytest.approx(math.sqrt(score * (1 - score) / len(DIGITS.test_targets)))


SPREAD = np.linspace(-3, 5, 40, dtype=np.float32)
NUMBERS = data.from_arrays(np.arange(80.0).reshape(40, 2), SPREAD, name="numbers")


@pytest.mark.parametrize(
    ("loss", "best"),
    [
        ("squared_error", lambda answer, t: np.mean((answer - t) ** 2)),
        ("absolute_error", lambda answer, t: np.mean(np.abs(answer - t))),
    ],
)
def test_no_constant_answer_has_a_lower_loss_than_the_best_one(loss, best):
    targets = np.asarray(NUMBERS.train_targets, np.float64)
    searched = min(best(answer, targets) for answer in np.linspace(-3, 5, 8001))
    assert constant_loss(LossSpec(loss), NUMBERS) == pytest.approx(searched, rel=1e-5)


def test_a_constant_answer_explains_no_variance():
    """As scikit-learn has it: of targets that do not vary, all where it is exact."""
    trained, tested = (np.asarray(part, np.float64) for part in (NUMBERS.train_targets, NUMBERS.test_targets))
    score, _ = constant_score(NUMBERS)
    assert score == pytest.approx(r2_score(tested, np.full(len(tested), trained.mean())), rel=1e-4)
    assert -0.2 < score <= 0
    exact = NUMBERS.replace(test_targets=np.full(8, trained.mean(), np.float32))
    off = NUMBERS.replace(test_targets=np.full(8, 5, np.float32))
    assert (constant_score(exact)[0], constant_score(off)[0]) == (1.0, 0.0)


@pytest.mark.parametrize("spec", [LossSpec("hinge"), LossSpec(penalty="l2"), LossSpec(class_weights="balanced")])
def test_a_loss_whose_constant_is_not_known_has_none(spec):
    assert constant_loss(spec, DIGITS) is None


def test_a_bar_is_most_of_the_way_to_the_reference_and_never_at_the_constant_answer():
    near = bar_of(pd.Series([0.97, 0.96, 0.98]), DIGITS)
    assert 0.9 < near.value < 0.95
    assert near.is_learnable
    noisy = Bar(constant=0.1, reference=0.2, noise=0.2)
    assert not noisy.is_learnable
    assert noisy.value == pytest.approx(0.1 + 2 * 0.2)
    wavering = Bar(constant=0.1, reference=0.5, noise=0.19)
    assert wavering.is_learnable
    assert wavering.value == pytest.approx(0.3)


def test_a_test_part_of_few_rows_asks_for_more():
    assert Bar(constant=0.5, reference=0.6, noise=0.0, sampling=0.01).is_learnable
    assert not Bar(constant=0.5, reference=0.6, noise=0.0, sampling=0.07).is_learnable


LINE = Setting(RunSpec(MLPSpec((2, 8, 1), output="relu"), loss=LossSpec("squared_error"), epochs=EPOCHS)).with_part(
    "data", preprocessing="none"
)
LOW = Bar(constant=0.0, reference=0.9, noise=0.01, task="numbers")


def r2_runs(train_loss, test_score):
    """The runs of a net for numbers: no accuracies, but R²."""
    return runs(train_loss, test_score).rename(columns={"test_accuracy": "test_score", "train_accuracy": "train_score"})


def test_what_is_wrong_with_numbers_is_seen_where_the_runs_fail():
    failing = {one.name for one in symptoms_of(r2_runs(8.0, 0.1), LINE, NUMBERS, LOW)}
    assert failing >= {"activation at the output", "unscaled inputs"}
    assert "unscaled targets" not in failing  # from −3 to 5
    assert symptoms_of(r2_runs(0.5, 0.9), LINE, NUMBERS, LOW) == []


def test_every_output_has_a_range_and_one_that_is_always_1_fits_no_targets():
    assert set(RANGES) == set(OUTPUTS) - {"none"}
    within = NUMBERS.replace(train_targets=np.linspace(0, 1, 32, dtype=np.float32))
    for output, fits in (("sigmoid", True), ("tanh", True), ("softmax", False)):
        seen = symptoms_of(r2_runs(8.0, 0.1), LINE.with_part("mlp", output=output), within, LOW)
        assert ("activation at the output" not in {one.name for one in seen}) == fits


def test_an_output_that_fits_the_targets_is_no_symptom():
    above = NUMBERS.replace(train_targets=np.abs(np.asarray(NUMBERS.train_targets)))
    assert "activation at the output" not in {one.name for one in symptoms_of(r2_runs(8.0, 0.1), LINE, above, LOW)}


def test_large_numbers_to_predict_are_named():
    large = NUMBERS.replace(train_targets=1000 * np.asarray(NUMBERS.train_targets))
    sentences = [one.sentence for one in symptoms_of(r2_runs(8e6, 0.0), LINE, large, LOW)]
    assert any(line.startswith("The numbers to predict are of size") for line in sentences)


def test_a_run_that_ended_early_counts_by_its_last_epoch():
    rows = runs(LEARNING, RISING)
    ended = rows[(rows["seed"] != 0) | (rows["epoch"] <= 4)]
    assert symptoms_of(ended, PLAIN, DIGITS, BAR) == []
