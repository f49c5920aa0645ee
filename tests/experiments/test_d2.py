"""D2's names: the document's form, and one name for every point of its grids (S-098)."""

from dataclasses import replace

import pytest

from experiments.lab.documents.d2 import d2_name
from jaxmlp import study
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

DEPTHS = [(784, 10), (784, 100, 10), (784, 100, 100, 10)]  # S-114
BASE = RunSpec(
    MLPSpec(DEPTHS[1], activation="sigmoid", initializer="normal"),
    data=DataSpec("none", "shifted", batch_size=100),
    loss=LossSpec("euclidean"),
    optimizer=OptimizerSpec("momentum_d2", weight_decay=True, decay_biases=True),
    evaluation=EvalSpec("last", log_every=50),
    epochs=50,
)
HYPER = Hyper(learning_rate=0.01, weight_decay=0.0, momentum=0.0)


@pytest.mark.parametrize(
    ("widths", "activation", "loss", "batch_size", "numbers", "name"),
    [
        ((784, 100, 10), "sigmoid", "euclidean", 100, {}, "1_Sig_Euc_0.01_0_100"),
        ((784, 100, 10), "sigmoid", "euclidean", 100, {"weight_decay": 1e-5}, "1_Sig_Euc_0.01_1e-05_100"),
        ((784, 100, 100, 10), "sigmoid", "cross_entropy", 200, {"learning_rate": 1.0}, "2_Sig_CE_1_0_200"),
        ((784, 100, 100, 10), "gelu_tanh", "hinge", 100, {"weight_decay": 0.1}, "2_Gelu_Hinge_0.01_0.1_100"),
        ((784, 10), "relu", "hinge", 10, {"learning_rate": 1e-4}, "0_Relu_Hinge_0.0001_0_10"),
        ((784, 100, 10), "gelu_finite_difference", "hinge", 10, {}, "1_GeluFD_Hinge_0.01_0_10"),
        ((784, 100, 10), "tanh", "softmax_hinge", 10, {}, "1_tanh_softmax_hinge_0.01_0_10"),
    ],
)
def test_names_have_the_document_s_form(widths, activation, loss, batch_size, numbers, name):
    mlp = replace(BASE.mlp, widths=widths, activation=activation)
    spec = replace(BASE, mlp=mlp, loss=LossSpec(loss), data=replace(BASE.data, batch_size=batch_size))
    assert d2_name(spec, HYPER.replace(**numbers)) == name


def test_an_optimizer_that_does_not_decay_has_decay_0():
    spec = replace(BASE, optimizer=OptimizerSpec("momentum_d2"))
    assert d2_name(spec, HYPER.replace(weight_decay=0.1)) == "1_Sig_Euc_0.01_0_100"


def test_every_point_of_d2_s_grids_has_its_own_name():
    rates = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    axes = {
        "mlp.widths": DEPTHS,
        "mlp.activation": ["sigmoid", "relu", "gelu_tanh"],
        "loss.name": ["euclidean", "cross_entropy", "hinge"],
        "data.batch_size": [10, 20, 50, 100, 200],
        "hyper.learning_rate": rates,
        "hyper.weight_decay": [0.0, 1e-5, *rates],
    }
    names = [arm.name for arm in study.grid(BASE, HYPER, axes, name=d2_name)]
    assert len(set(names)) == len(names) == 27 * 5 * 5 * 7
    assert {name.count("_") for name in names} == {5}
