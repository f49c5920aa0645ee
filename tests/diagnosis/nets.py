"""Nets for `check`: those that fail at their start, restated from public questions, and healthy ones."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes, make_moons

from jaxmlp import data
from jaxmlp.diagnosis import check
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

CONSTANT = "hundredth_of_a_test"
"""An initializer whose weights are all 0.01; a test registers it."""


def passed_on(x):
    """No activation."""
    return x


LOADED = {
    name: partial(data.load, name)
    for name in ("digits", "iris", "wine", "breast_cancer", "toy_gauss", "toy_circle", "toy_spiral")
}
digits = LOADED["digits"]


def diabetes():
    """Standardized, as the healthy regression net of the planted faults takes it."""
    table = load_diabetes()
    inputs, targets = ((a - a.mean(axis=0)) / a.std(axis=0) for a in (table.data, table.target))
    return data.from_arrays(inputs, targets, task="numbers", name="standardized diabetes")


def moons():
    """Two half circles that reach into each other."""
    points, labels = make_moons(400, noise=0.15, random_state=0)
    return data.from_arrays(points, labels, name="moons")


def ones_and_zeros():
    labels = np.arange(400) % 2
    return data.from_arrays(np.repeat(labels[:, None].astype(float), 128, axis=1), labels == 1)


@dataclass(frozen=True)
class Case:
    """A net on data, and the checks that must fail."""

    dataset: Any
    hidden: tuple[int, ...]
    failing: tuple[str, ...] = ()
    net: dict[str, Any] = field(default_factory=dict)
    loss: LossSpec = field(default_factory=LossSpec)
    rule: tuple[str, float] = ("adam", 1e-3)
    outputs: int | None = None
    batch: int = 32
    hyper: dict[str, float] = field(default_factory=dict)
    preprocessing: str | None = None
    """The dataset's usual one unless named."""

    def findings(self, seed=0):
        """What `check` says."""
        dataset = self.dataset()
        widths = dataset.train_inputs.shape[1], *self.hidden, self.outputs or dataset.num_outputs
        spec = RunSpec(
            MLPSpec(widths, **self.net),
            DataSpec(preprocessing=self.preprocessing or dataset.preprocessing, batch_size=self.batch),
            self.loss,
            OptimizerSpec(self.rule[0]),
        )
        hyper = Hyper(learning_rate=self.rule[1], **self.hyper)
        return {one.name: one for one in check(spec, hyper, dataset, seed=seed)}


BINARY, SQUARED = LossSpec("binary_cross_entropy"), LossSpec("squared_error")
FAULTY = {
    "T5": Case(diabetes, (64, 64), ("units",), {"initializer": CONSTANT}, SQUARED),
    "T6": Case(diabetes, (64, 64), ("output", "answers", "overfit 20"), {"output": "softmax"}, SQUARED),
    "SO 48385830": Case(
        digits, (30,), ("initial loss",), {"activation": passed_on, "initializer": "randn"}, LossSpec("euclidean"),
        ("sgd", 3.0), batch=10,
    ),
    "SO 31880720": Case(
        ones_and_zeros, (50, 50), ("output", "answers", "overfit 20"), {"output": "softmax", "dropout": "inverted"},
        BINARY, ("rmsprop", 1e-3), outputs=1, hyper={"dropout_rate": 0.2},
    ),
    "A1": Case(digits, (32,) * 34, ("signal",), {"initializer": "xavier_uniform"}),
    "D1's zeros": Case(digits, (20, 20), ("units", "answers", "overfit 20"), {"initializer": "zeros"}),
    "D0 from N(0, 1)": Case(digits, (500, 300, 100, 50), ("initial loss", "signal"), {"initializer": "randn"}),
    "a softmax before the cross-entropy": Case(digits, (32,), ("output",), {"output": "softmax"}),
}  # fmt: skip

TABLES = ("iris", "wine", "breast_cancer")
RIGHT_STARTS = {"tanh": "xavier_normal", "sigmoid": "xavier_normal", "relu": "he_normal"}
"""By activation; those that are like ReLU start as it does."""


def _healthy(data_name, hidden, activation="relu", *, loss=None, rule=("adam", 3e-3), batch=32, outputs=None, **net):
    start = RIGHT_STARTS.get(activation, "he_normal")
    return Case(
        {**LOADED, "diabetes": diabetes, "moons": moons}[data_name], hidden,
        net={"activation": activation, "initializer": start, **net}, loss=loss or LossSpec(), rule=rule, batch=batch,
        outputs=outputs, preprocessing="z_score" if data_name in TABLES else None,
    )  # fmt: skip


BN = {"norm": "batch_norm"}
HEALTHY = {
    "digits": _healthy("digits", (32,), rule=("adam", 1e-3)),
    "digits, tanh and momentum": _healthy("digits", (30, 20), "tanh", rule=("momentum", 0.05)),
    "digits, sigmoid": _healthy("digits", (30,), "sigmoid"),
    "digits, 4 layers": _healthy("digits", (40, 40, 40)),
    "digits, 8 layers": _healthy("digits", (40,) * 7, rule=("adam", 1e-3)),
    "digits, 8 layers of tanh": _healthy("digits", (40,) * 7, "tanh", rule=("adam", 1e-3)),
    "digits, batch norm": _healthy("digits", (20, 20, 20), **BN),
    "digits, batch norm before the activation": _healthy("digits", (40,) * 5, norm_position="pre_activation", **BN),
    "digits, 8 layers with batch norm": _healthy("digits", (40,) * 7, **BN),
    "digits, layer norm": _healthy("digits", (40, 40), norm="layer_norm"),
    "digits, skips": _healthy("digits", (40,) * 7, residual="block", **BN),
    "digits, leaky": _healthy("digits", (32, 32), "leaky_relu"),
    "digits, ELU": _healthy("digits", (32, 32), "elu"),
    "digits, GELU": _healthy("digits", (32, 32, 32), "gelu_erf"),
    "digits, SGD at 0.1": _healthy("digits", (64,), rule=("sgd", 0.1)),
    "iris, leaky, batch of 7": _healthy("iris", (16,), "leaky_relu", rule=("adam", 0.01), batch=7),
    "iris, 4 layers of tanh": _healthy("iris", (16, 16, 16), "tanh", rule=("adam", 0.01), batch=16),
    "wine": _healthy("wine", (16,), rule=("adam", 0.01), batch=16),
    "wine, batch norm": _healthy("wine", (16, 16), rule=("adam", 0.01), batch=16, **BN),
    "breast cancer": _healthy("breast_cancer", (16, 16), rule=("adam", 0.01)),
    "breast cancer, one output": _healthy("breast_cancer", (16,), loss=BINARY, outputs=1, rule=("adam", 0.01)),
    "diabetes, penalty": _healthy("diabetes", (64, 64), loss=LossSpec("squared_error", penalty="l2")),
    "diabetes, tanh": _healthy("diabetes", (64, 64), "tanh", loss=SQUARED),
    "diabetes, batch norm": _healthy("diabetes", (64, 64), loss=SQUARED, **BN),
    "moons": _healthy("moons", (16, 16), rule=("adam", 0.01)),
    "moons, 5 layers": _healthy("moons", (16,) * 4, rule=("adam", 0.01)),
    "spirals": _healthy("toy_spiral", (32, 32, 32), rule=("adam", 0.01)),
    "spirals, tanh": _healthy("toy_spiral", (32, 32), "tanh", rule=("adam", 0.01)),
    "a circle": _healthy("toy_circle", (16,), rule=("adam", 0.01)),
    "two clouds, one output": _healthy("toy_gauss", (16, 16), loss=BINARY, outputs=1, rule=("adam", 0.01)),
}
