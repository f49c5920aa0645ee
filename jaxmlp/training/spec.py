"""What a run is made of: `RunSpec` (static: structure) and `Hyper` (traced: numbers)."""

import math
from dataclasses import dataclass, fields
from typing import Any

from jaxmlp.data import PREPROCESSINGS, SPLITS, split_sizes
from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn import BACKWARDS, LOSSES, PRECISIONS, MLPSpec, NetHyper
from jaxmlp.training.optimizers import OPTIMIZERS
from jaxmlp.training.schedules import SCHEDULES

SELECTIONS = ("best_validation", "last")


def check_count(what: str, given: object) -> None:
    """Raise `InputError` unless `given` is a positive integer."""
    if type(given) is not int or given < 1:
        raise InputError(f"{what} is {given!r}: give a positive integer")


@dataclass(frozen=True)
class DataSpec:
    """How a run uses its dataset."""

    split: str = "random_fifth"
    """A key of `SPLITS`: which training images are held out for validation (S-003, S-005, S-008)."""
    preprocessing: str = "unit"
    """A key of `PREPROCESSINGS`, fitted on the training part."""
    batch_size: int = 64
    shuffle: bool = True
    """A new order every epoch; D4 uses one fixed order (S-008)."""
    train_size: int | None = None
    """Use only the first so many images of the training part; None uses all."""

    def __post_init__(self) -> None:
        check_choice("split", self.split, SPLITS)
        check_choice("preprocessing", self.preprocessing, PREPROCESSINGS)
        check_count("batch size", self.batch_size)
        if self.train_size is not None:
            check_count("train_size", self.train_size)

    def num_train(self, num_examples: int) -> int:
        """Size of the training part of a dataset of `num_examples` training images.

        Raises:
            InputError: `train_size` or `batch_size` larger than the training part.
        """
        available = split_sizes(self.split, num_examples)[0]
        if self.train_size is not None and self.train_size > available:
            raise InputError(f"train_size {self.train_size} is larger than the training part of {available}")
        size = self.train_size or available
        if self.batch_size > size:
            raise InputError(
                f"batch size {self.batch_size} is larger than the training part of {size} images: give at most {size}"
            )
        return size

    def steps_per_epoch(self, num_examples: int) -> int:
        """Full batches in one pass over the training part; the ragged tail of each pass is dropped."""
        return self.num_train(num_examples) // self.batch_size


@dataclass(frozen=True)
class LossSpec:
    """Which loss is minimized: a key of `LOSSES`."""

    name: str = "cross_entropy"

    def __post_init__(self) -> None:
        check_choice("loss", self.name, LOSSES)


@dataclass(frozen=True)
class OptimizerSpec:
    """Which update rule: a key of `OPTIMIZERS`."""

    name: str = "adam"

    def __post_init__(self) -> None:
        check_choice("optimizer", self.name, OPTIMIZERS)


@dataclass(frozen=True)
class ScheduleSpec:
    """How the learning rate moves over the steps: a key of `SCHEDULES`."""

    name: str = "constant"

    def __post_init__(self) -> None:
        check_choice("schedule", self.name, SCHEDULES)


@dataclass(frozen=True)
class EvalSpec:
    """What is measured after each epoch, and which parameters are tested."""

    selection: str = "best_validation"
    """`best_validation` tests the parameters of the epoch with strictly greatest validation accuracy
    (S-090), `last` those of the last epoch."""
    train_subset: int | None = None
    """`train_accuracy` is measured on the first so many images of the training part; None: on all (S-091)."""
    batch_size: int = 1000
    """Rows evaluated at once; bounds memory, never changes what is counted."""

    def __post_init__(self) -> None:
        check_choice("selection", self.selection, SELECTIONS)
        check_count("evaluation batch size", self.batch_size)
        if self.train_subset is not None:
            check_count("train_subset", self.train_subset)


@dataclass(frozen=True)
class RunSpec:
    """Everything static about a run: a change here means another compiled program."""

    mlp: MLPSpec
    data: DataSpec = DataSpec()
    loss: LossSpec = LossSpec()
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    evaluation: EvalSpec = EvalSpec()
    epochs: int = 15
    precision: str = "float32"
    """One of `PRECISIONS`: how the linear rule's three products are computed."""
    backward: str = "manual"
    """`manual` trains with the hand-written rules, `autodiff` with their twins."""

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("backward", self.backward, BACKWARDS)
        if self.data.split == "none" and self.evaluation.selection == "best_validation":
            raise InputError(
                "selection 'best_validation' needs a validation part: choose another split than 'none', "
                "or selection 'last'"
            )


class Hyper(NetHyper):
    """Every number of a run: Python floats, or arrays when traced; new values never recompile."""

    learning_rate: Any = 1e-3
    """η, above 0."""
    beta1: Any = 0.9
    """Adam's decay of the first moment, in [0, 1)."""
    beta2: Any = 0.999
    """Adam's decay of the second moment, in [0, 1)."""
    adam_eps: Any = 1e-8
    """Adam's ε, added outside the root."""


# (low, whether low itself is allowed, high) of each number; high is never allowed.
_RANGES: dict[str, tuple[float, bool, float]] = {
    "init_gain": (0.0, True, math.inf),
    "norm_eps": (0.0, False, math.inf),
    "norm_momentum": (0.0, False, 1.0 + 1e-12),
    "running_var_start": (0.0, True, math.inf),
    "dropout_rate": (0.0, True, 1.0),
    "learning_rate": (0.0, False, math.inf),
    "beta1": (0.0, True, 1.0),
    "beta2": (0.0, True, 1.0),
    "adam_eps": (0.0, True, math.inf),
}


def check_hyper(hyper: Hyper) -> None:
    """Raise `InputError` for a number outside its range; call with concrete values, before anything runs."""
    for field in fields(hyper):
        value, (low, closed, high) = float(getattr(hyper, field.name)), _RANGES[field.name]
        if not (low <= value < high) or (value == low and not closed):
            bounds = f"{'at least' if closed else 'above'} {low:g}"
            bounds += "" if high == math.inf else f" and {'at most' if high > 1 else 'below'} 1"
            raise InputError(f"{field.name.replace('_', ' ')} is {value:g}: give a number {bounds}")
