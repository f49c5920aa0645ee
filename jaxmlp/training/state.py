"""What a run is made of: `RunState`, the metrics it records, and how it ended."""

from enum import IntEnum
from typing import Any

from flax import struct
from jax import Array

from jaxmlp.schema import Column, Table, declare, declare_columns
from jaxmlp.training.packed import Packed, unpack
from jaxmlp.training.plateau import EarlyStop, Plateau
from jaxmlp.training.spec import RunSpec
from jaxmlp.training.step import TrainState
from jaxmlp.training.step_log import StepLog

EPOCHS = declare(
    Table(
        "epochs",
        keys=("run_id", "epoch"),
        columns=(
            Column("train_loss", "training loss", "nats", higher_is_better=False),
            Column("train_accuracy", "training accuracy", "accuracy", higher_is_better=True),
            Column("val_loss", "validation loss", "nats", higher_is_better=False),
            Column("val_accuracy", "validation accuracy", "accuracy", higher_is_better=True),
            Column("test_loss", "test loss", "nats", higher_is_better=False),
            Column("test_accuracy", "test accuracy", "accuracy", higher_is_better=True),
            Column("learning_rate"),
            Column("selected_epoch", unit="epochs"),
            Column("diverged"),
        ),
        along="epoch",
    )
)
"""One row per run and epoch; epoch 0 is before training."""

METRICS = tuple(column.name for column in EPOCHS.columns)
"""Measured after every epoch; a run's history holds one array [E + 1] of each, epoch 0 before training."""

SCORES = ("train_score", "val_score", "test_score")
"""What a run on numbers has beside them: R², and no accuracies, which are NaN."""
declare_columns(
    *(
        Column(name, f"{part} R²", "R²", higher_is_better=True)
        for name, part in zip(SCORES, ("training", "validation", "test"), strict=True)
    )
)


def metrics_of(spec: RunSpec) -> tuple[str, ...]:
    """What a run of this spec measures after every epoch.

    >>> from jaxmlp import nn, training
    >>> metrics_of(training.RunSpec(nn.MLPSpec((4, 3))))[:4]
    ('train_loss', 'train_accuracy', 'val_loss', 'val_accuracy')
    """
    return METRICS + SCORES if spec.loss.task == "numbers" else METRICS


def score_column(part: str, spec: RunSpec) -> str:
    """The column with the score on a part, `train`, `val` or `test`: `val_accuracy`, or of numbers `val_score`.

    >>> from jaxmlp import nn, training
    >>> score_column("val", training.RunSpec(nn.MLPSpec((4, 3))))
    'val_accuracy'
    """
    return f"{part}_score" if spec.loss.task == "numbers" else f"{part}_accuracy"


RUNS = declare(
    Table(
        "runs",
        keys=("run_id",),
        columns=(Column("status"), Column("ended_epoch", unit="epochs")),
    )
)
"""One row per run: how it ended, a `RunStatus` in words but never "training", and after which epoch."""


class RunStatus(IntEnum):
    """Where a run stands. A run that has ended stays as it is: no epoch to come changes what is recorded of it.

    >>> RunStatus.STOPPED_EARLY.words
    'stopped early'
    """

    TRAINING = 0
    DONE = 1
    """All epochs of the spec are trained."""
    STOPPED_EARLY = 2
    """Its early stop left epochs of the spec out (S-084)."""
    DIVERGED = 3
    """A loss was not finite."""

    @property
    def words(self) -> str:
        """As tables say it."""
        return self.name.lower().replace("_", " ")


class Selection(struct.PyTreeNode):
    """The best model so far, by strictly greater validation score (S-090), running statistics included.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> float(training.start_run(0, data.load("iris"), spec=spec, hyper=hyper).best.val_score)  # any model is better
    -inf
    """

    params: Packed
    norm_state: Packed
    val_score: Array
    """Accuracy, or R² of numbers."""
    epoch: Array


class RunState(struct.PyTreeNode):
    """Everything a run carries from step to step; resuming needs nothing else.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> run = training.start_run(0, data.load("iris"), spec=spec, hyper=hyper)
    >>> bool(run.diverged), bool(run.ended), run.history["val_accuracy"].shape
    (False, False, (16,))
    """

    seed: Array
    train_index: Array
    """[N_train] int32, rows of the training images that are trained on."""
    val_index: Array
    """[N_val] int32, rows that are held out."""
    preprocessing: Any
    """Fitted on the training part."""
    train: TrainState
    best: Selection | None
    """None where the spec selects the last epoch: the copy costs memory."""
    plateau: Plateau | None
    """None where the spec has none."""
    early_stop: EarlyStop | None
    """None where the spec has none."""
    log: StepLog | None
    """None where the spec keeps none."""
    class_weights: Array | None
    """[K], of the training part; None where the spec has none."""
    loss_sum: Array
    """Sum of this epoch's batch losses so far."""
    status: Array
    """A `RunStatus`, int8."""
    ended_epoch: Array
    """int32, the epoch after which the run was done, stopped early or found diverged; 0 while it is training."""
    history: dict[str, Array]
    """`metrics_of` the spec, [E + 1] each; 0 where nothing was measured, and never NaN."""
    measured: dict[str, Array]
    """`metrics_of` the spec, [E + 1] bool each: where the history holds a number. A lost loss is none."""

    @property
    def diverged(self) -> Array:
        """Whether a loss has been non-finite."""
        return self.status == RunStatus.DIVERGED

    @property
    def ended(self) -> Array:
        """Whether no further training can change what is recorded."""
        return self.status != RunStatus.TRAINING

    @property
    def selected(self) -> TrainState:
        """With the selected model: the best by validation if the spec keeps it, else the last (S-090). Of one run, not
        of lanes.
        """
        if self.best is None:
            return self.train
        params, norm_state = (
            unpack(self.best.params, self.train.params),
            unpack(self.best.norm_state, self.train.norm_state),
        )
        return self.train.replace(params=params, norm_state=norm_state)
