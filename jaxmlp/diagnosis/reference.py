"""Is there anything to learn? A few good recipes on the same data, at the same budget and at four times it."""

from dataclasses import replace

from jaxmlp.data import PREPROCESSINGS, Dataset
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

RATES = (1e-3, 3e-3, 1e-2)
"""Adam's, of every reference net."""
HIDDEN = (64, 64)
"""Hidden layers of the reference: enough for small tables and images, and quick to train."""
LARGEST_BATCH = 32
"""Of the reference: a large batch leaves a small table few steps an epoch."""


def reference_settings(given: Setting, dataset: Dataset) -> dict[str, Setting]:
    """Nets that train wherever there is something to learn for an MLP of this size.

    Inputs standardized, He's start, ReLU, two hidden layers of 64, cross-entropy, Adam at three rates; the split of the
    net as given; its number of epochs, and four times it.
    """
    widths = (given.spec.mlp.widths[0], *HIDDEN, given.spec.mlp.widths[-1])
    size = max(2, min(given.spec.data.batch_size, LARGEST_BATCH))
    data = DataSpec(given.spec.data.split, _scaling(dataset), size, train_size=given.spec.data.train_size)
    found = {}
    for times in (1, 4):
        spec = RunSpec(
            MLPSpec(widths),
            data=data,
            loss=LossSpec("cross_entropy"),
            optimizer=OptimizerSpec("adam"),
            evaluation=replace(given.spec.evaluation, early_stopping=False, validation="running", log_every=None),
            epochs=times * given.spec.epochs,
        )
        for rate in RATES:
            found[f"Adam at {rate:g}, {spec.epochs} epochs"] = Setting(spec, Hyper(learning_rate=rate))
    return found


def _scaling(dataset: Dataset) -> str:
    if dataset.train_images.dtype == "uint8":
        return "standardize"
    return "standardize_columns" if "standardize_columns" in PREPROCESSINGS else "none"
