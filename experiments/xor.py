"""Does a net trained as D3's is learn XOR? (E-049)

    python -m experiments run xor --preset full

D3 gives nothing but "by the same method" (S-014): 2-h-2 with cross-entropy and SGD at 0.1, h from 2 to 8, on the four
points at once, for as many steps as D3's 20 epochs of MNIST have. ReLU and PyTorch's start are D3's own; other
activations and He's start are beside them, and no hidden layer at all, which gets three of the four points at best.
"""

import numpy as np

from experiments.lab.base import Experiment, Preset
from experiments.lab.documents.d3 import D3_HYPER
from jaxmlp import data
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, EveryRun, Probability, Value, final
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, EvalSpec, OptimizerSpec, RunSpec

XOR_UNITS = (2, 3, 4, 8)
_ACTIVATIONS = {"relu": "torch_linear", "relu_he": "he_normal"} | dict.fromkeys(
    ("gelu_erf", "tanh", "sigmoid"), "torch_linear"
)
"""Beginnings of the arms' names, and the initializer of each."""
XOR_STEPS = 937
"""Steps of an epoch: those of 60,000 images in batches of 64."""
XOR_ARMS = ("linear", *(f"{name}_{units}" for name in _ACTIVATIONS for units in XOR_UNITS))


def four_points() -> Dataset:
    """XOR, over and over: in batches of four and a fixed order every step sees the four points, once each."""
    xor = data.load("xor")
    arrays = {
        "train_inputs": np.tile(np.asarray(xor.train_inputs), (XOR_STEPS, 1)),
        "train_targets": np.tile(np.asarray(xor.train_targets), XOR_STEPS),
        "test_inputs": np.asarray(xor.test_inputs),
        "test_targets": np.asarray(xor.test_targets),
    }
    return xor.replace(**arrays)


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """Every activation at every width, and the linear model."""

    def spec(hidden: tuple[int, ...], activation: str, initializer: str) -> RunSpec:
        widths = (dataset.train_inputs.shape[1], *hidden, dataset.num_classes)
        return RunSpec(
            MLPSpec(widths, activation=activation, initializer=initializer),
            data=DataSpec("none", "none", preset.batch_size, shuffle=False, train_size=preset.train_size),
            optimizer=OptimizerSpec("sgd"),
            evaluation=EvalSpec("last", train_subset=4),
            epochs=preset.epochs,
        )

    return [
        Arm("linear", spec((), "relu", "torch_linear"), D3_HYPER),
        *(
            Arm(f"{name}_{units}", spec((units,), name.removesuffix("_he"), initializer), D3_HYPER)
            for name, initializer in _ACTIVATIONS.items()
            for units in XOR_UNITS
        ),
    ]


XOR_CLAIMS = (
    # Success is all four points right. A net that learns XOR does so in most runs.
    Claim(
        "C-312",
        tuple(
            Probability(Value(f"relu_{units}", final("test_accuracy")), "above", 0.99, bound=0.5, level=f"{units}")
            for units in XOR_UNITS
        ),
        planned_n=100,
        factor="number of hidden units",
        margin_reason="Success is all four points right; in most runs, since nets of D3's kind are trained once.",
    ),
)

XOR_EXPERIMENT = Experiment(
    name="xor",
    question="Does a net trained as D3's is learn XOR?",
    ledger=("E-049",),
    presets={
        "quick": Preset(seeds=30, epochs=5, batch_size=4),
        "full": Preset(seeds=100, epochs=20, batch_size=4),
    },
    arms=_arms,
    claims=XOR_CLAIMS,
    figures=(
        EveryRun("test_accuracy", XOR_ARMS, note="100 % is all four points right."),
        CompareArms(
            ("linear", *(f"relu_{units}" for units in XOR_UNITS)),
            "train_loss",
            note=f"An epoch is {XOR_STEPS} steps on the four points.",
        ),
    ),
    dataset=four_points,
)
