"""A small net at the edge of stability: full-batch training, and how sharp its loss is when it has settled there.

An epoch is a hundred steps on the same rows: the data hold them over and over, in batches of all of them.
"""

import numpy as np
import pandas as pd

from experiments.lab.measured import Finished, Measurement
from jaxmlp import data
from jaxmlp.data import Dataset
from jaxmlp.nn import MLPSpec
from jaxmlp.schema import Column, Table, declare
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, EvalSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

EDGES = declare(Table("edges", keys=("arm", "seed"), columns=(Column("settled_sharpness"),)))
"""One row per run: the mean over the last quarter of its epochs of the largest eigenvalue of H, or of Adam's P⁻¹H."""

FULL_BATCH = 200
"""Rows."""
STEPS_AN_EPOCH = 100
SETTLED = 0.25
"""The share of the epochs that is taken for settled, the last ones."""
SHARPNESS_TABLES = {
    "sgd": ("curvature", "largest_eigenvalue"),
    "adam": ("adam_curvature", "preconditioned_sharpness"),
}
"""By the rule: the table and the column of what its edge is about."""


def few_digits() -> Dataset:
    """The first `FULL_BATCH` digits, `STEPS_AN_EPOCH` times over."""
    digits = data.load("digits")
    images, labels = (np.asarray(part)[:FULL_BATCH] for part in (digits.train_inputs, digits.train_targets))
    tiled = {
        "train_inputs": np.tile(images, (STEPS_AN_EPOCH, 1)),
        "train_targets": np.tile(labels, STEPS_AN_EPOCH),
        "test_inputs": np.asarray(digits.test_inputs),
        "test_targets": np.asarray(digits.test_targets),
    }
    return digits.replace(**tiled, name="few digits")


def edge_arms(dataset: Dataset, rates: dict[str, tuple[float, ...]], epochs: int) -> list[Arm]:
    """One arm for each rule and rate, named by `edge_arm`: a net of tanh with squared error, on all rows at once."""
    mlp = MLPSpec(
        (dataset.train_inputs.shape[1], 32, 32, dataset.num_classes), activation="tanh", initializer="lecun_normal"
    )
    arms = []
    for rule, of in rates.items():
        spec = RunSpec(
            mlp,
            data=DataSpec("none", "standardize", FULL_BATCH, shuffle=False),
            loss=LossSpec("euclidean"),
            optimizer=OptimizerSpec(rule),
            evaluation=EvalSpec("last", train_subset=FULL_BATCH),
            epochs=epochs,
        )
        arms += [Arm(edge_arm(rule, rate), spec, Hyper(learning_rate=rate)) for rate in of]
    return arms


def edge_arm(rule: str, rate: float) -> str:
    """The name of an arm: its rule, a key of `SHARPNESS_TABLES`, and its rate."""
    return f"{rule}_{rate:g}"


def edges_of(*arms: str) -> Measurement:
    """The table of the settled sharpness of these arms, from what probes saw at every epoch."""

    def make(finished: Finished) -> dict[str, pd.DataFrame]:
        tables = [_settled(finished, arm) for arm in finished.arms if arm.name in arms]
        empty = pd.DataFrame(columns=list(EDGES.required))
        return {EDGES.name: pd.concat(tables, ignore_index=True) if tables else empty}

    return Measurement({EDGES.name: arms}, make)


def _settled(finished: Finished, arm: Arm) -> pd.DataFrame:
    table, column = SHARPNESS_TABLES[arm.spec.optimizer.name]
    rows = finished.results.tables[table]
    own = rows.loc[rows["arm"] == arm.name]
    last = own.loc[own["epoch"] > (1 - SETTLED) * own["epoch"].max()]
    means = last.groupby("seed")[column].mean()
    return pd.DataFrame({"arm": arm.name, "seed": means.index.to_numpy(), "settled_sharpness": means.to_numpy(float)})
