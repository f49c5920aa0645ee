"""Changes: each makes a setting that its spec accepts, alters what it says alone, and applies where it can."""

import ast
from dataclasses import replace

import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.diagnosis import CHANGES, Change, Setting, applicable
from jaxmlp.diagnosis.setting import as_options, as_python, differences, transplanted
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

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


TABLE = data.from_arrays(np.random.default_rng(0).normal(size=(400, 64)), np.linspace(-1, 1, 400), name="table")
UNEVEN = DIGITS.replace(train_targets=np.where(DIGITS.train_targets < 5, 0, DIGITS.train_targets))
NUMBERS = Setting(RunSpec(MLPSpec((64, 30, 1)), DataSpec(preprocessing="none"), LossSpec("squared_error")))
ELSEWHERE = {
    "usual_rate": (DEEP.with_numbers(learning_rate=10.0), DIGITS),
    "fitting_loss": (DEEP.with_part("loss", name="euclidean"), DIGITS),
    "no_output_activation": (DEEP.with_part("mlp", output="softmax"), DIGITS),
    "scaled_targets": (NUMBERS, TABLE),
    "class_weights": (DEEP, UNEVEN),
    "stratified": (DEEP.with_part("data", split="last_tenth"), DIGITS),
    "steady_statistics": (DEEP.with_part("mlp", norm="batch_norm"), DIGITS),
}
"""Where the changes apply that the deep net on the digits has no use for."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_alters_what_it_touches_alone(name):
    given, dataset = ELSEWHERE.get(name, (DEEP, DIGITS))
    altered = set(differences(given, applicable(given, dataset, [name])[name]))
    assert altered
    assert altered <= ALTERED[CHANGES[name].touches]


def test_the_deep_net_is_changed_in_all_other_ways():
    assert set(applicable(DEEP, DIGITS)) >= set(CHANGES) - set(ELSEWHERE)


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
    assert as_options(DEEP.with_part("data", train_size=100), DEEP) == ""


PARTS = {"MLPSpec": "mlp", "DataSpec": "data", "LossSpec": "loss", "OptimizerSpec": "optimizer"}


def evaluated(code, given):
    """The setting with what a repair's Python says instead."""
    for call in ast.parse(f"[{code.partition('targets =')[0].rstrip(', ')}]", mode="eval").body.elts:
        told = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
        if call.func.id == "Hyper":
            given = given.with_numbers(**told)
        elif call.func.id == "RunSpec":
            given = given.with_spec(**told)
        else:
            given = given.with_part(PARTS[call.func.id], **told)
    return given


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_s_python_makes_it(name):
    """From numbers of many digits, so that none can be lost."""
    given, dataset = ELSEWHERE.get(name, (DEEP, DIGITS))
    given = given.with_numbers(learning_rate=given.learning_rate * 1.0123456789, init_gain=1 / 3)
    changed = CHANGES[name].apply(given, dataset) or given
    assert evaluated(as_python(given, changed), given) == replace(changed, scaled_targets=False)


def test_a_fault_is_put_into_another_net_and_the_rest_stays():
    healthy = Setting(RunSpec(MLPSpec((64, 32, 10))), Hyper(learning_rate=0.003))
    repaired = DEEP.with_part("mlp", activation="relu")
    faulty = transplanted(healthy, DEEP, differences(DEEP, repaired))
    assert faulty.spec.mlp == replace(healthy.spec.mlp, activation="sigmoid")
    assert faulty.hyper == healthy.hyper
