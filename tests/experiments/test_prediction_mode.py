"""The claims of `prediction_mode` on made-up tables, dropout's mean over masks, and what the wrong mode is."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments.lab.measured import Finished
from experiments.lab.version_1 import ARM_OF
from experiments.prediction_mode import (
    MASKED,
    PREDICTION_MODE_ARMS,
    PREDICTION_MODE_EXPERIMENT,
    PREDICTION_MODE_WRONG,
    mask_gaps,
    wrong_mode_accuracy,
)
from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.schema import table_named
from jaxmlp.study.nets import Nets
from jaxmlp.training import DataSpec, Hyper, RunSpec
from tests.experiments.tables import CLEAR, UNCLEAR, accuracies, table


def gaps(linear, relu, spread=CLEAR):
    exact = {("masks", form): {"gap_to_mean_over_masks": [linear] * 30} for form in MASKED[:2]}
    return exact | table({("masks", MASKED[2]): {"gap_to_mean_over_masks": relu}}, spread=spread)


def modes(*wrong, spread=CLEAR):
    """Nets at 97 % as they should be, and these in the three wrong modes."""
    left = {("modes", mode): {"test_accuracy": level} for mode, level in zip(PREDICTION_MODE_WRONG, wrong, strict=True)}
    return table(accuracies(**dict.fromkeys(PREDICTION_MODE_ARMS, 0.97)) | left, spread=spread)


CASES = [
    ("C-118", "reproduced", gaps(1e-7, 0.05)),
    ("C-118", "refuted", gaps(1e-7, 0.3)),
    ("C-118", "refuted", gaps(0.01, 0.05)),
    ("C-118", "inconclusive", gaps(1e-7, 0.125, spread=UNCLEAR)),
    ("C-119", "reproduced", modes(0.9, 0.95, 0.1)),
    ("C-119", "refuted", modes(0.97, 0.97, 0.97)),
    ("C-119", "mixed", modes(0.9, 0.97, 0.1)),
    ("C-119", "inconclusive", modes(0.967, 0.967, 0.967, spread=UNCLEAR)),
]


def test_scaling_is_the_mean_where_the_output_is_linear_and_below_it_behind_a_relu():
    found = mask_gaps(3)
    assert found["masks_linear"] < 1e-6
    assert found["masks_inverted_linear"] < 1e-6
    assert found["masks_relu"] > 1e-3  # Jensen: the mean of a ReLU is above the ReLU of the mean
    assert mask_gaps(3, rate=0.5)["masks_relu"] > found["masks_relu"]


@pytest.fixture(scope="module")
def finished():
    digits = data.load("digits")
    mlps = {
        "dropout": MLPSpec((64, 16, 10), dropout="inverted"),
        "batch_norm": MLPSpec((64, 16, 10), norm="batch_norm", norm_position="pre_activation"),
    }
    spec = {name: RunSpec(mlp, data=DataSpec("random_fifth", batch_size=16), epochs=3) for name, mlp in mlps.items()}
    arms = [study.Arm(name, one, Hyper(dropout_rate=0.5)) for name, one in spec.items()]
    results = study.run(arms, digits, seeds=2, keep_params="best")
    return Finished(arms, dict.fromkeys(spec, 2), results, digits)


def net_of(finished, arm):
    run = finished.results.select(arm=arm).final().iloc[0]
    return finished.results.nets.get(run["run_id"]), float(run["test_accuracy"])


def test_batch_norm_alone_with_one_image_sees_only_its_shift(finished):
    """Its one image is its own mean: every image gets the same class."""
    net, _ = net_of(finished, "batch_norm")
    images, labels = finished.dataset.test_inputs, finished.dataset.test_targets
    alone = float(wrong_mode_accuracy(net, images, labels, jax.random.key(0), size=1))
    assert np.min(np.abs(np.bincount(labels) / len(labels) - alone)) < 1e-6


def test_masks_at_rate_0_are_the_right_mode_and_others_depend_on_the_key(finished):
    net, accuracy = net_of(finished, "dropout")
    images, labels = finished.dataset.test_inputs, finished.dataset.test_targets
    count = len(images) // 10 * 10
    right = float(np.mean(np.asarray(net.predict(images[:count])) == labels[:count]))
    none = net.replace(hyper=net.hyper.replace(dropout_rate=0.0))
    assert float(wrong_mode_accuracy(none, images, labels, jax.random.key(0), size=10)) == pytest.approx(right)
    drawn = {float(wrong_mode_accuracy(net, images, labels, jax.random.key(k), size=10)) for k in range(5)}
    assert len(drawn) > 1
    assert max(drawn) < accuracy


def test_every_trained_net_is_measured_in_each_wrong_mode(finished):
    tables, declared = PREDICTION_MODE_EXPERIMENT.measured.make(finished), PREDICTION_MODE_EXPERIMENT.measured.subjects
    modes = tables["modes"]
    assert set(zip(modes["mode"], modes["seed"], strict=True)) == set(itertools.product(PREDICTION_MODE_WRONG, (0, 1)))
    assert dict(zip(modes["mode"], modes["arm"], strict=True)) == PREDICTION_MODE_WRONG == ARM_OF
    assert {name: set(rows[table_named(name).subject]) for name, rows in tables.items()} == {
        name: set(subjects) for name, subjects in declared.items()
    }


def test_a_net_that_is_gone_keeps_what_was_measured_of_it(finished):
    """As of published runs, whose nets are not published."""
    measured = PREDICTION_MODE_EXPERIMENT.measured.make(finished)
    gone = finished.results.select(arm="dropout").final()["run_id"].iloc[0]
    nets = Nets({one: finished.results.nets.get(one) for one in finished.results.final()["run_id"] if one != gone})
    left = replace(finished, results=replace(finished.results, nets=nets))
    again = PREDICTION_MODE_EXPERIMENT.measured.make(replace(left, earlier=measured))["modes"]
    assert set(zip(again["mode"], again["seed"], strict=True)) == {
        *itertools.product(PREDICTION_MODE_WRONG, (0, 1))
    } - {(mode, 0) for mode, arm in PREDICTION_MODE_WRONG.items() if arm == "dropout"}
    with pytest.raises(InputError, match="was not kept"):
        PREDICTION_MODE_EXPERIMENT.measured.make(left)
