"""What is static about a run: `RunSpec`, its parts, and what they accept. Its numbers are `Hyper`."""

import math
from dataclasses import dataclass

from jaxmlp.data import PREPROCESSINGS, SPLITS, split_sizes
from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn import BACKWARDS, LOSSES, PENALTIES, PRECISIONS, MLPSpec
from jaxmlp.training.optimizers import OPTIMIZERS
from jaxmlp.training.schedules import SCHEDULES

SELECTIONS = ("best_validation", "last")
VALIDATIONS = ("running", "d4_shipped")
VALIDATION_IMAGES = 100
"""D4's program validates after every update whose first image has a multiple of this for its number (S-101)."""


def check_count(what: str, given: object) -> None:
    """Raise `InputError` unless `given` is a positive integer."""
    if type(given) is not int or given < 1:
        raise InputError(f"{what} is {given!r}: give a positive integer")


@dataclass(frozen=True)
class DataSpec:
    """How a run uses its dataset: its images as they are, since no document augments them (S-016)."""

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
    """What is minimized: the batch's mean loss, plus `Hyper.penalty` times a penalty where there is one.

    `train_loss` is this sum, as D1 and D4 define the loss; `val_loss` is the mean loss alone.
    """

    name: str = "cross_entropy"
    """A key of `LOSSES`."""
    penalty: str = "none"
    """`none`, or a key of `PENALTIES`, of the weights alone: no biases, nor a norm's scale and shift."""

    def __post_init__(self) -> None:
        check_choice("loss", self.name, LOSSES)
        check_choice("penalty", self.penalty, ("none", *PENALTIES))


@dataclass(frozen=True)
class OptimizerSpec:
    """Which update rule, and what happens to the gradient before it."""

    name: str = "adam"
    """A key of `OPTIMIZERS`."""
    weight_decay: bool = False
    """Add `Hyper.weight_decay`·θ to the gradient, after any clipping (S-074). Without clipping this moves the weights
    as penalty `l2` of half the strength does (C-308), but it stays out of the loss and can take in the biases. `adamw`
    always decays, in its own way."""
    decay_biases: bool = False
    """Biases decay too, as in D2 (S-074); a norm's scale and shift never do."""
    clip: bool = False
    """Scale the gradient of loss and penalty down to the norm `Hyper.clip_norm`, over all parameters together."""

    def __post_init__(self) -> None:
        check_choice("optimizer", self.name, OPTIMIZERS)
        if self.weight_decay and OPTIMIZERS[self.name].decoupled:
            raise InputError(
                f"{self.name} decays by itself: leave weight_decay off, its strength is Hyper.weight_decay"
            )
        if self.decay_biases and not self.decays:
            raise InputError(f"decay_biases, and {self.name} without weight decay: turn weight_decay on, or this off")

    @property
    def decays(self) -> bool:
        """Whether weights decay at all."""
        return self.weight_decay or OPTIMIZERS[self.name].decoupled


@dataclass(frozen=True)
class ScheduleSpec:
    """How the learning rate moves over the steps."""

    name: str = "constant"
    """A key of `SCHEDULES`."""
    decay_every: int = 2
    """Epochs from cut to cut, read by the step decays (S-082)."""
    warmup_epochs: int = 0
    """Epochs of a linear rise before the full rate, with any schedule; 0 is none."""
    plateau: bool = False
    """Also cut the rate when the validation loss stands still (S-073)."""

    def __post_init__(self) -> None:
        check_choice("schedule", self.name, SCHEDULES)
        check_count("decay_every", self.decay_every)
        if type(self.warmup_epochs) is not int or self.warmup_epochs < 0:
            raise InputError(f"warmup_epochs is {self.warmup_epochs!r}: give a number of epochs, 0 for none")

    @property
    def is_constant(self) -> bool:
        """Whether the rate never moves."""
        return self.name == "constant" and not self.warmup_epochs and not self.plateau


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
    early_stopping: bool = False
    """End a run when its validation loss no longer falls (S-084); its rows end there."""
    validation: str = "running"
    """`running` validates as the test does. `d4_shipped` is D4's program (S-101), which validates in training mode:
    batch norm normalizes the validation part by the statistics of its batches, of the size trained with, and each of
    these batches moves the running statistics, so that what is tested carries them.

    That program does so after every update whose first image has a number that 100 divides: after every one at batch
    size 100, after every tenth at 10. Here it is done where every epoch is measured, and the batches that the program
    trains after its last validation then move the statistics as they did: `RunSpec.steps_after_validation`. V
    validation batches leave (1 − m)^V of what was there before, 0.2 % for D4's 60 at m = 0.1, and training never reads
    the running statistics: to that precision, and to the few updates in between, an epoch ends with the program's."""

    log_every: int | None = None
    """Log the mean loss and accuracy of the batches of every so many steps, for `steps.parquet`: 50 in D2 (S-097)."""
    test_every_epoch: bool = False
    """Test after every epoch, as D2 does (S-005); otherwise the test set is read once. The choices of who looks at
    such a curve are made on the test set."""

    def __post_init__(self) -> None:
        check_choice("selection", self.selection, SELECTIONS)
        check_choice("validation", self.validation, VALIDATIONS)
        check_count("evaluation batch size", self.batch_size)
        if self.train_subset is not None:
            check_count("train_subset", self.train_subset)
        if self.log_every is not None:
            check_count("log_every", self.log_every)
        if self.test_every_epoch and self.selection != "last":
            raise InputError("test_every_epoch tests each epoch's model: give selection 'last', or leave it off")


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
        if self.schedule.warmup_epochs >= self.epochs:
            raise InputError(
                f"a warm-up of {self.schedule.warmup_epochs} epochs fills all {self.epochs}: give fewer, or more epochs"
            )
        if self.evaluation.validation == "d4_shipped" and self.mlp.norm != "batch_norm":
            raise InputError(
                f"validation 'd4_shipped' is about batch norm, and this network has norm {self.mlp.norm!r}: "
                "choose validation 'running'"
            )
        if self.data.split == "none":
            self._check_without_validation()

    def steps_after_validation(self, num_examples: int) -> int:
        """How many updates of an epoch D4's program makes after its last validation (S-101)."""
        period = VALIDATION_IMAGES // math.gcd(self.data.batch_size, VALIDATION_IMAGES)
        return (self.data.steps_per_epoch(num_examples) - 1) % period

    def _check_without_validation(self) -> None:
        needing = {
            "selection 'best_validation'": (self.evaluation.selection == "best_validation", "selection 'last'"),
            "validation 'd4_shipped'": (self.evaluation.validation == "d4_shipped", "validation 'running'"),
            "early stopping": (self.evaluation.early_stopping, "early_stopping=False"),
            "schedule option 'plateau'": (self.schedule.plateau, "plateau=False"),
        }
        for what, (asked, instead) in needing.items():
            if asked:
                raise InputError(f"{what} needs a validation part: choose another split than 'none', or {instead}")
