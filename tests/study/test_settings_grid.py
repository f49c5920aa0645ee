"""Grids: every combination once, as arms whose names are unique and whose settings are the columns of results."""

import itertools

import numpy as np
import pytest

from jaxmlp import study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.study.arms import describe_arm, make_run, varying_settings
from jaxmlp.study.blocks import make_groups
from jaxmlp.training import DataSpec, EvalSpec, Hyper, LossSpec, RunSpec

BASE = RunSpec(MLPSpec((64, 12, 10), norm="batch_norm"), data=DataSpec(batch_size=32), epochs=3)
LOSSES = ["cross_entropy", "euclidean", "hinge"]
DEPTHS = [(64, 12, 10), (64, 12, 12, 10)]
RATES = np.logspace(-5, -1, 10)


def test_three_losses_two_depths_and_ten_rates_are_sixty_arms_in_six_groups():
    hyper = Hyper(margin=1.0)
    axes = {"loss.name": LOSSES, "mlp.widths": DEPTHS, "hyper.learning_rate": RATES}
    arms = study.grid(BASE, hyper, axes)
    assert len(arms) == len({arm.name for arm in arms}) == 60
    groups = make_groups([make_run(arm, 0, "") for arm in arms])
    assert [len(group.runs) for group in groups] == [10] * 6
    for arm, (loss, widths, rate) in zip(arms, itertools.product(LOSSES, DEPTHS, RATES), strict=True):
        mlp = MLPSpec(widths, norm="batch_norm")
        assert arm.spec == RunSpec(mlp, data=DataSpec(batch_size=32), loss=LossSpec(loss), epochs=3)
        assert arm.hyper == hyper.replace(learning_rate=float(rate))
        assert type(arm.hyper.learning_rate) is float
    columns = varying_settings({arm.name: describe_arm(arm) for arm in arms})
    assert list(columns[arms[0].name]) == ["mlp.widths", "loss.name", "hyper.learning_rate"]
    assert columns[arms[-1].name] == {"mlp.widths": "64-12-12-10", "loss.name": "hinge", "hyper.learning_rate": 0.1}


@pytest.mark.parametrize(
    ("axes", "names"),
    [
        (
            {"loss.name": ["hinge"], "hyper.learning_rate": [1e-5, 0.1, 1]},
            ["loss=hinge learning_rate=1e-05", "loss=hinge learning_rate=0.1", "loss=hinge learning_rate=1"],
        ),
        ({"mlp.widths": [[64, 10], (64, 7, 10)], "epochs": [2]}, ["widths=64-10 epochs=2", "widths=64-7-10 epochs=2"]),
        # Where another setting ends in the same word, the name says which one is meant.
        ({"hyper.penalty": [0.5]}, ["hyper.penalty=0.5"]),
        ({"data.batch_size": [16, 64]}, ["data.batch_size=16", "data.batch_size=64"]),
        ({"data.train_size": [None, 500], "data.shuffle": [False]},
         ["train_size=None shuffle=False", "train_size=500 shuffle=False"]),
        # Numbers that six digits would not tell apart.
        ({"hyper.margin": [0.12345678, 0.12345679]}, ["margin=0.12345678", "margin=0.12345679"]),
    ],
)  # fmt: skip
def test_names_show_every_axis_shortly(axes, names):
    assert [arm.name for arm in study.grid(BASE, Hyper(), axes)] == names


def test_more_values_leave_the_names_of_the_others_as_they_are():
    few = study.grid(BASE, Hyper(), {"loss.name": LOSSES[:1], "hyper.learning_rate": [0.1]})
    more = study.grid(BASE, Hyper(), {"loss.name": LOSSES, "hyper.learning_rate": [0.1, 0.2]})
    assert few[0] in more


def test_a_name_of_ones_own():
    axes = {"mlp.widths": DEPTHS, "hyper.learning_rate": [0.1, 0.01]}
    arms = study.grid(BASE, Hyper(), axes, name=lambda spec, hyper: f"{spec.mlp.num_layers}_{hyper.learning_rate:g}")
    assert [arm.name for arm in arms] == ["2_0.1", "2_0.01", "3_0.1", "3_0.01"]


def test_settings_that_only_go_together_are_changed_together():
    axes = {"data.split": ["none"], "evaluation.selection": ["last"], "evaluation.batch_size": [100]}
    for order in itertools.permutations(axes):
        (arm,) = study.grid(BASE, Hyper(), {path: axes[path] for path in order})
        assert arm.spec.data == DataSpec(split="none", batch_size=32)
        assert arm.spec.evaluation == EvalSpec(selection="last", batch_size=100)


BAD = [
    ({}, "a grid without axes"),
    ({"loss.nam": ["hinge"]}, "unknown setting 'loss.nam': in loss are name, penalty, class_weights, penalize_biases$"),
    ({"loss": [LossSpec()]}, "unknown setting 'loss': in loss are name, penalty, class_weights, penalize_biases$"),
    ({"los.name": ["hinge"]}, "unknown setting 'los.name': there are mlp, data, loss, .*, hyper$"),
    ({"learning_rate": [0.1]}, "unknown setting 'learning_rate': there are mlp"),
    ({"hyper.rate": [0.1]}, "unknown setting 'hyper.rate': in hyper are init_gain, .*learning_rate"),
    ({"epochs.more": [1]}, "unknown setting 'epochs.more': there are"),
    ({"hyper.learning_rate": []}, "axis hyper.learning_rate is empty"),
    ({"loss.name": "hinge"}, "axis loss.name is 'hinge': give a list"),
    ({"epochs": 3}, "axis epochs is 3: give a list"),
    ({"hyper.learning_rate": [0.1, 0.2, 0.1]}, "gives 0.1 twice"),
    ({"mlp.widths": [(64, 10), [64, 10]]}, "gives 64-10 twice"),
    ({"hyper.learning_rate": [0.1, "fast"]}, "axis hyper.learning_rate has 0.1, fast: give numbers"),
    ({"hyper.learning_rate": [0.1, -0.1]}, "at learning_rate=-0.1: learning rate is -0.1"),
    ({"hyper.learning_rate": [float("nan")]}, "at learning_rate=nan: learning rate is nan"),
    ({"loss.name": ["hinge", "hing"]}, "at loss=hing: unknown loss 'hing'"),
    ({"mlp.residual": ["none", "d0"]}, "at residual=d0: widths .* leave no layer"),
]


@pytest.mark.parametrize(("axes", "message"), BAD)
def test_bad_axes_are_one_line(axes, message):
    with pytest.raises(InputError, match=message) as caught:
        study.grid(BASE, Hyper(), axes)
    assert "\n" not in str(caught.value)


def test_a_name_that_hides_an_axis_is_refused():
    with pytest.raises(InputError, match="two arms 'net', the second at epochs=2"):
        study.grid(BASE, Hyper(), {"epochs": [1, 2]}, name=lambda spec, hyper: "net")
