"""What is static about a run: `RunSpec`, its parts, and what they accept. Its numbers are `Hyper`."""

import math
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from jaxmlp.components import Components, Unfingerprintable
from jaxmlp.data import PREPROCESSINGS, split_named, split_sizes
from jaxmlp.errors import InputError, check_choice, check_count
from jaxmlp.identity import added
from jaxmlp.nn import ACTIVATIONS, BACKWARDS, INITIALIZERS, LOSSES, PENALTIES, PRECISIONS, MLPSpec
from jaxmlp.nn.hyper import USER, user_numbers
from jaxmlp.training.hyper import Hyper
from jaxmlp.training.interventions import Intervention, in_order
from jaxmlp.training.optimizers import OPTIMIZERS, OptimizerSpec
from jaxmlp.training.schedules import SCHEDULES, ScheduleSpec
from jaxmlp.typed import check_types

COMPONENT_TABLES: dict[str, Components[Any]] = {
    "mlp.activation": ACTIVATIONS,
    "mlp.initializer": INITIALIZERS,
    "data.preprocessing": PREPROCESSINGS,
    "loss.name": LOSSES,
    "optimizer.name": OPTIMIZERS,
    "schedule.name": SCHEDULES,
}
"""The fields of a `RunSpec` that name a row of an open table."""

CLASS_WEIGHTS = ("none", "balanced")
SELECTIONS = ("best_validation", "last")
VALIDATIONS = ("running", "d4_shipped")
STOP_WATCHES = ("loss", "error")
VALIDATION_IMAGES = 100
"""D4's program validates after every update whose first image has a multiple of this for its number (S-101)."""


@dataclass(frozen=True)
class DataSpec:
    """How a run uses its dataset: its images as they are, since no document augments them (S-016).

    >>> DataSpec(batch_size=64).steps_per_epoch(60_000)  # of the 48,000 that `random_fifth` trains on
    750
    """

    split: str = "random_fifth"
    """A key of `SPLITS`, or `last_N`: which training images are held out for validation (S-003, S-005, S-008)."""
    preprocessing: str = "unit"
    """A key of `PREPROCESSINGS`, fitted on the training part."""
    batch_size: int = 64
    shuffle: bool = True
    """A new order every epoch; D4 uses one fixed order (S-008)."""
    train_size: int | None = None
    """Use only the first so many images of the training part; None uses all."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "preprocessing", PREPROCESSINGS.name_of(self.preprocessing))
        check_types(self)
        split_named(self.split)
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

    >>> LossSpec("cross_entropy").task, LossSpec("hinge", penalty="l2").penalty
    ('classes', 'l2')
    """

    name: str = "cross_entropy"
    """A key of `LOSSES`; a `Loss` or a function is registered and kept by its name."""
    penalty: str = "none"
    """`none`, or a key of `PENALTIES`, of the weights; of the biases too where `penalize_biases` is on."""
    class_weights: str = added("none")
    """One of `CLASS_WEIGHTS`. `balanced` multiplies an example's loss by N/(K n_k) for the n_k of its class among the N
    of the training part: every class counts alike. The weights' mean over that part is 1, so a batch's mean is an
    unbiased estimate of PyTorch's weighted mean over all of it. `val_loss` stays unweighted."""

    penalize_biases: bool = added(False)
    """Whether the penalty takes in biases: S-067's θ is all that is learned, and S-068 does not say. A norm's scale and
    shift, and PReLU's slopes, it never does."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", LOSSES.name_of(self.name))
        check_types(self)
        check_choice("loss", self.name, LOSSES)
        check_choice("penalty", self.penalty, ("none", *PENALTIES))
        check_choice("class weights", self.class_weights, CLASS_WEIGHTS)
        if self.class_weights != "none" and self.task != "classes":
            raise InputError(f"class weights, and loss {self.name!r} is about numbers: leave class_weights at 'none'")

    @property
    def task(self) -> str:
        """What it is about, `classes` or `numbers`: `Loss.task`."""
        return LOSSES[self.name].task


@dataclass(frozen=True)
class EvalSpec:
    """What is measured after each epoch, and which parameters are tested.

    >>> EvalSpec().selection, EvalSpec(log_every=50).log_every
    ('best_validation', 50)
    """

    selection: str = "best_validation"
    """`best_validation` tests the parameters of the epoch with strictly greatest validation accuracy, or R² of numbers
    (S-090), `last` those of the last epoch."""
    train_subset: int | None = None
    """The training score is measured on the first so many images of the training part; None: on all (S-091)."""
    batch_size: int = 1000
    """Rows evaluated at once; bounds memory, never changes what is counted."""
    early_stopping: bool = False
    """End a run when its validation loss, or what `stop_on` says, no longer falls (S-084); its rows end there."""
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
    """Log the mean loss and score of the batches of every so many steps, for `steps.parquet`: 50 in D2 (S-097)."""
    test_every_epoch: bool = False
    """Test after every epoch, as D2 does (S-005); otherwise the test set is read once. The choices of who looks at
    such a curve are made on the test set."""

    stop_on: str = added("loss")
    """One of `STOP_WATCHES`, what early stopping watches: the validation loss, or D1's validation error (S-084), which
    is 1 − accuracy, or 1 − R². The error moves in steps of one example and so stands still sooner; the loss can rise
    while it still falls."""

    def __post_init__(self) -> None:
        check_types(self)
        check_choice("stop_on", self.stop_on, STOP_WATCHES)
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
    """Everything static about a run: a change here means another compiled program.

    >>> spec = RunSpec(MLPSpec((784, 100, 10)), epochs=20)
    >>> spec.optimizer.name, spec.loss.name, spec.data.batch_size
    ('adam', 'cross_entropy', 64)
    """

    mlp: MLPSpec
    data: DataSpec = DataSpec()
    loss: LossSpec = LossSpec()
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    evaluation: EvalSpec = EvalSpec()
    epochs: int = 15
    precision: str = "float32"
    """One of `PRECISIONS`: how the linear rule's three products are computed."""
    backward: str = "manual"
    """`manual` trains with the hand-written rules, `autodiff` with their twins."""
    interventions: tuple[Intervention, ...] = added(())
    """What changes it in mid-training, by epoch: see `jaxmlp.training.interventions`. Arms that differ by it alone have
    one past: with `replace(spec, interventions=(ResetMoments(epoch=5),))` beside `spec` that is trained once."""

    def __post_init__(self) -> None:
        check_types(self)
        check_count("epochs", self.epochs)
        object.__setattr__(self, "interventions", in_order(self.interventions, self.epochs))
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("backward", self.backward, BACKWARDS)
        if self.schedule.warmup_epochs >= self.epochs:
            raise InputError(
                f"a warm-up of {self.schedule.warmup_epochs} epochs fills all {self.epochs}: give fewer, or more epochs"
            )
        if self.mlp.norm == "batch_norm" and self.data.batch_size == 1:
            raise InputError(
                "batch norm with batch size 1: one row is its own mean, so every unit gives its shift for any input: "
                "give at least 2, or norm 'layer_norm'"
            )
        if self.evaluation.validation == "d4_shipped" and self.mlp.norm != "batch_norm":
            raise InputError(
                f"validation 'd4_shipped' is about batch norm, and this network has norm {self.mlp.norm!r}: "
                "choose validation 'running'"
            )
        if self.data.split == "none":
            self._check_without_validation()

    def user_components(self) -> dict[str, str | None]:
        """The components in it that a user registered: their fingerprints by dotted field, such as `mlp.activation`.

        None where one has no fingerprint: such a run cannot be told from another of the same names.
        """
        rows = self._components()
        return {path: _fingerprint_or_none(*row) for path, row in rows.items() if row[0].is_user(row[1])}

    @property
    def user_numbers(self) -> tuple[str, ...]:
        """The user's numbers that its components ask for, by their key in `Hyper.user`."""
        rows = [table[name] for table, name in self._components().values() if name in table]
        return user_numbers(number for row in rows for number in getattr(row, "numbers", ()))

    def _components(self) -> dict[str, tuple[Components[Any], str]]:
        return {path: (table, attrgetter(path)(self)) for path, table in COMPONENT_TABLES.items()}

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


def check_numbers(spec: RunSpec, hyper: Hyper) -> None:
    """Raise `InputError` where a component of the spec asks for a user's number that the hyper does not have.

    >>> check_numbers(RunSpec(MLPSpec((784, 100, 10))), Hyper())
    """
    for name in spec.user_numbers:
        hyper.number(f"{USER}{name}")


def _fingerprint_or_none(table: Components[Any], name: str) -> str | None:
    try:
        return table.fingerprint(name)
    except Unfingerprintable:
        return None
