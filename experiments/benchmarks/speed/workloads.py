"""What is trained: seven nets of the documents, with the settings that the documents train them by."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.speed.task import Task, TaskLayer
from experiments.lab.documents.d0 import HIDDEN_22, HIDDEN_41
from experiments.lab.documents.d4 import D4_HIDDEN as D4_HIDDEN
from experiments.xor import four_points
from jaxmlp import data
from jaxmlp.data import Dataset
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, OptimizerSpec, RunSpec, start_run

PIXELS, CLASSES = 784, 10
"""Of MNIST."""


@dataclass(frozen=True)
class Workload:
    """A net, how it is trained, and how many runs at once."""

    title: str
    mlp: MLPSpec
    optimizer: str
    learning_rate: float
    batch_size: int
    runs: tuple[int, ...]
    norm_eps: float = 1e-5
    shuffle: bool = True

    def spec(self, precision: str = "float32", backward: str = "manual") -> RunSpec:
        """As a study trains it."""
        preprocessing = "none" if self.mlp.widths[0] == 2 else "unit"
        return RunSpec(
            self.mlp,
            data=DataSpec("none", preprocessing, self.batch_size, self.shuffle),
            optimizer=OptimizerSpec(self.optimizer),
            evaluation=EvalSpec("last", train_subset=min(1000, self.batch_size)),
            epochs=20,
            precision=precision,
            backward=backward,
        )

    @property
    def hyper(self) -> Hyper:
        """Its numbers."""
        return Hyper(learning_rate=self.learning_rate, norm_eps=self.norm_eps)


def _net(*hidden: int, activation: str = "relu", **options: Any) -> MLPSpec:
    initializer = "he_normal" if "norm" in options else "torch_linear"
    return MLPSpec((PIXELS, *hidden, CLASSES), activation=activation, initializer=initializer, **options)


_D4 = {"norm": "batch_norm", "norm_position": "pre_activation"}
_XOR = MLPSpec((2, 8, 2), initializer="torch_linear")

WORKLOADS = {
    "a": Workload("XOR, 2-8-2, SGD, batch 4", _XOR, "sgd", 0.1, 4, (1, 1024), shuffle=False),
    "b": Workload("784-100-10 sigmoid, SGD, batch 10", _net(100, activation="sigmoid"), "sgd", 0.1, 10, (1, 32)),
    "c": Workload("784-256-10, SGD, batch 64", _net(256), "sgd", 0.1, 64, (1, 16)),
    "d": Workload("784-300-150-10 + BN, momentum, batch 100", _net(*D4_HIDDEN, **_D4), "momentum", 0.01, 100,
                  (1, 16), norm_eps=1e-3),
    "e": Workload("22 layers + BN, Adam, batch 64", _net(*HIDDEN_22, norm="batch_norm"), "adam", 1e-3, 64, (1,)),
    "f": Workload("41 layers + BN, Adam, batch 64", _net(*HIDDEN_41, norm="batch_norm"), "adam", 1e-3, 64, (1,)),
    "fr": Workload("41 layers, residual + BN, Adam, batch 64", _net(*HIDDEN_41, norm="batch_norm", residual="d0"),
                   "adam", 1e-3, 64, (1,)),
}  # fmt: skip
"""By the letter it is called by."""


def blobs() -> Dataset:
    """A set of MNIST's size and type that a net can learn, and that needs no file: ten pictures under noise."""
    numbers = np.random.default_rng(0)
    pictures = numbers.integers(0, 256, (CLASSES, PIXELS), np.uint8)
    arrays = {}
    for part, count in (("train", 60_000), ("test", 10_000)):
        labels = numbers.integers(0, CLASSES, count).astype(np.int32)
        noise = numbers.integers(0, 256, (count, PIXELS), np.uint8)
        arrays |= {f"{part}_inputs": noise // 4 * 3 + pictures[labels] // 4, f"{part}_targets": labels}
    like = data.load("digits")
    return like.replace(**arrays, name="blobs", image_shape=(28, 28))


def dataset_of(workload: Workload) -> Dataset:
    """What the workload trains on."""
    return four_points() if workload.mlp.widths[0] == 2 else blobs()


def make_task(workload: Workload, runs: int, dataset: Dataset) -> Task:
    """For peers: the same nets as a study draws for seeds 0, 1, ..., as plain arrays."""

    def params_of(seed: jax.Array) -> Any:
        return start_run(seed, dataset, spec=workload.spec(), hyper=workload.hyper).train.params

    with jax.default_device(jax.devices("cpu")[0]):  # a GPU is left to those who are measured
        stacked = jax.jit(jax.vmap(params_of))(np.arange(runs, dtype=np.int32))
    named = {f"{name}{layer}": leaf for layer, leaves in enumerate(stacked) for name, leaf in leaves.items()}
    mlp = workload.mlp
    # A skip's arrays stand in the last layer of its module; peers count modules.
    params = {name: np.asarray(leaf) for name, leaf in named.items() if not name.startswith("skip")}
    for module, (_, last) in enumerate(mlp.modules):
        params |= {f"skip_{kind}{module}": np.asarray(named[f"skip_{kind}{last}"]) for kind in ("weight", "bias")}
    return Task(
        layers=tuple(_layer(mlp, layer) for layer in range(mlp.num_layers)),
        skips=tuple((mlp.widths[first], mlp.widths[last + 1]) for first, last in mlp.modules),
        optimizer=workload.optimizer,
        learning_rate=workload.learning_rate,
        batch_size=workload.batch_size,
        shuffle=workload.shuffle,
        norm_eps=workload.norm_eps,
        runs=runs,
        images=np.asarray(dataset.train_inputs),
        labels=np.asarray(dataset.train_targets),
        params=params,
    )


def _layer(mlp: MLPSpec, layer: int) -> TaskLayer:
    pre = mlp.norm_position == "pre_activation"
    return TaskLayer(
        inputs=mlp.widths[layer],
        outputs=mlp.widths[layer + 1],
        bias=mlp.has_bias(layer),
        pre_norm=mlp.is_normalized(layer) and pre,
        activation=mlp.activation if mlp.has_activation(layer) else "",
        post_norm=mlp.is_normalized(layer) and not pre,
        begins_module=layer in {first for first, _ in mlp.modules},
        ends_module=layer in {last for _, last in mlp.modules},
    )
