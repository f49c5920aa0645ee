"""What the experiments of D3 share: its base network and how it is trained (S-012, S-075, S-115).

784-256-10, ReLU, cross-entropy, SGD at 0.1. D3 gives neither scaling, batch size nor epochs: pixels in [0, 1], batches
of 64, 20 epochs. It names no initializer, so its nets start as PyTorch's layers do; it names no validation part, so all
training images train and the last model is tested.

Thresholds: where D3 prints a gain, a claim of it asks for more than half of what is printed.
"""

from typing import Any

from experiments.lab.base import Preset
from jaxmlp.data import Dataset
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

BASE = (256,)
_CROSS_ENTROPY = LossSpec()
D3_HYPER = Hyper(learning_rate=0.1)

D3_PRESETS = {
    # Batches of 8 give the digits 180 updates per epoch; 64 would give 22 (MNIST: 937).
    "quick": Preset(seeds=5, epochs=5, batch_size=8),
    "full": Preset(seeds=20, epochs=20, batch_size=64),
}


def one_layer_width(count: int, inputs: int, classes: int) -> int:
    """The width w of one hidden layer with about `count` parameters: w (inputs + 1 + classes) + classes is theirs."""
    return round((count - classes) / (inputs + 1 + classes))


def d3_spec(
    dataset: Dataset,
    preset: Preset,
    hidden: tuple[int, ...] = BASE,
    *,
    loss: LossSpec = _CROSS_ENTROPY,
    train_size: int | None = None,
    **mlp: Any,
) -> RunSpec:
    """D3's net with these hidden widths; `mlp` are options of `MLPSpec`, `train_size` the number of training images."""
    widths = (dataset.train_inputs.shape[1], *hidden, dataset.num_classes)
    return RunSpec(
        MLPSpec(widths, initializer="torch_linear", **mlp),
        data=DataSpec("none", batch_size=preset.batch_size, train_size=train_size or preset.train_size),
        loss=loss,
        optimizer=OptimizerSpec("sgd"),
        evaluation=EvalSpec("last"),
        epochs=preset.epochs,
    )
