"""Changes: each makes a setting that its spec accepts, alters what it says alone, and applies where it can."""

from dataclasses import replace

import pytest

from jaxmlp import data
from jaxmlp.diagnosis import CHANGES, Change, Setting, applicable
from jaxmlp.diagnosis.setting import as_options, as_python, differences, transplanted
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, OptimizerSpec, RunSpec

DIGITS = data.load("digits")
DEEP = Setting(
    RunSpec(
        MLPSpec((64, 30, 20, 30, 30, 10), activation="sigmoid", initializer="randn", dropout="inverted"),
        data=DataSpec(batch_size=40, shuffle=False),
        optimizer=OptimizerSpec("sgd"),
    ),
    Hyper(learning_rate=0.02),
)
ALTERED = {
    "learning rate": {"hyper.learning_rate"},
    "start": {"hyper.init_gain", "mlp.initializer"},
    "activation": {"mlp.activation"},
    "normalization": {"mlp.norm"},
    "skips": {"mlp.residual"},
    "scale of the inputs": {"data.preprocessing"},
    "optimizer": {
        "optimizer.name",
        "optimizer.weight_decay",
        "optimizer.decay_biases",
        "hyper.learning_rate",
        "hyper.momentum",
    },
    "loss": {"loss.name"},
    "output": {"mlp.output"},
    "scale of the targets": {"scaled_targets"},
    "class weights": {"loss.class_weights"},
    "split": {"data.split"},
    "number of epochs": {"epochs"},
    "gradient norm": {"optimizer.clip"},
    "batch size": {"data.batch_size"},
    "order of the data": {"data.shuffle"},
    "regularization": {"mlp.dropout", "loss.penalty", "optimizer.weight_decay", "optimizer.name"},
    "width": {"mlp.widths"},
    "depth": {"mlp.widths", "mlp.residual"},
    "running statistics": {"hyper.norm_momentum"},
}
"""What a change that touches a thing may alter."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_alters_what_it_touches_alone(name):
    changed = CHANGES[name].apply(DEEP, DIGITS)
    if changed is not None:
        altered = set(differences(DEEP, changed))
        assert altered
        assert altered <= ALTERED[CHANGES[name].touches]


def test_the_deep_net_can_be_changed_in_most_ways():
    assert len(applicable(DEEP, DIGITS)) >= 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate_x10", 0.2),
        ("rate_x100", 2.0),
        ("rate_/10", 0.002),
        ("rate_/100", 0.0002),
    ],
)
def test_rates_are_multiplied(name, value):
    assert CHANGES[name].apply(DEEP, DIGITS).learning_rate == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("relu", DEEP.with_part("mlp", activation="relu")),
        ("shuffle", DEEP.with_part("data", shuffle=True)),
        ("clip", DEEP.with_part("optimizer", clip=True)),
        ("residual", Setting(RunSpec(MLPSpec((64, 10))))),
        ("batch_norm", DEEP.with_part("data", batch_size=1)),
        ("wider", DEEP.with_part("mlp", widths=(64, 64, 10))),
        ("shallower", DEEP.with_part("mlp", widths=(64, 64, 10))),
        ("steady_statistics", DEEP),
        ("larger_start", DEEP.with_part("mlp", initializer="zeros")),
        ("fitting_loss", DEEP),
        ("no_output_activation", DEEP),
        ("scaled_targets", DEEP),
        ("class_weights", DEEP),
        ("stratified", DEEP),
    ],
)
def test_a_change_that_changes_nothing_does_not_apply(name, given):
    assert name not in applicable(given, DIGITS)


def test_a_batch_is_never_larger_than_the_training_part():
    given = DEEP.with_part("data", batch_size=1000)
    assert "larger_batch" not in applicable(given, DIGITS)
    assert "smaller_batch" in applicable(given, DIGITS)


def test_a_users_change_is_tried_too():
    def halved(given, dataset):
        return given.with_numbers(learning_rate=given.learning_rate / 2)

    CHANGES.register("halved_rate", Change("learning rate", "halve the learning rate", halved))
    try:
        assert applicable(DEEP, DIGITS)["halved_rate"].learning_rate == 0.01
    finally:
        CHANGES.remove("halved_rate")


def test_a_change_is_written_as_python_and_as_options():
    changed = DEEP.with_numbers(learning_rate=0.2).with_part("mlp", norm="batch_norm")
    assert as_python(DEEP, changed) == 'MLPSpec(norm="batch_norm"), Hyper(learning_rate=0.2)'
    assert as_options(DEEP, changed) == "--norm batch_norm --learning-rate 0.2"


def test_a_fault_is_put_into_another_net_and_the_rest_stays():
    healthy = Setting(RunSpec(MLPSpec((64, 32, 10))), Hyper(learning_rate=0.003))
    repaired = DEEP.with_part("mlp", activation="relu")
    faulty = transplanted(healthy, DEEP, differences(DEEP, repaired))
    assert faulty.spec.mlp == replace(healthy.spec.mlp, activation="sigmoid")
    assert faulty.hyper == healthy.hyper
