"""Is there anything to learn? A few good recipes on the same data, at the same budget and at a multiple of it."""

from dataclasses import replace

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

RATES = (1e-3, 3e-3, 1e-2)
"""Adam's, of every reference net."""
REFERENCE_HIDDEN = (64, 64)
"""Hidden layers of the reference: enough for small tables and images, and quick to train."""
LARGEST_BATCH = 32
"""Of the reference: a large batch leaves a small table few steps an epoch."""
LONGER = 4
"""Times the epochs of the net as given."""


def reference_settings(given: Setting, dataset: Dataset, *, times: int = LONGER) -> dict[str, Setting]:
    """Nets that train wherever there is something to learn for an MLP of this size, by name.

    Inputs standardized, and numbers to predict too, He's start, ReLU, two hidden layers of 64, cross-entropy or squared
    error, Adam at three constant rates; the split of the net as given, and `times` its number of epochs. As the rate is
    constant, the first epochs of a run are the run with so many epochs.
    """
    widths = (given.spec.mlp.widths[0], *REFERENCE_HIDDEN, dataset.num_outputs)
    size = max(2, min(given.spec.data.batch_size, LARGEST_BATCH))
    data = DataSpec(given.spec.data.split, fitting_preprocessing(dataset), size, train_size=given.spec.data.train_size)
    spec = RunSpec(
        MLPSpec(widths),
        data=data,
        loss=LossSpec(fitting_loss(dataset)),
        optimizer=OptimizerSpec("adam"),
        evaluation=replace(
            given.spec.evaluation, selection="last", early_stopping=False, validation="running", log_every=None
        ),
        epochs=times * given.spec.epochs,
    )
    numbers = dataset.task == "numbers"
    return {f"Adam at {rate:g}": Setting(spec, Hyper(learning_rate=rate), numbers) for rate in RATES}


def fitting_loss(dataset: Dataset) -> str:
    """The loss that suits the targets, of a net with an output for each class or number."""
    return "squared_error" if dataset.task == "numbers" else "cross_entropy"


def fitting_preprocessing(dataset: Dataset) -> str:
    """The one that standardizes these inputs."""
    return "standardize" if dataset.train_inputs.dtype == "uint8" else "z_score"
