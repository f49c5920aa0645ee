"""The accuracy that bfloat16 costs: pairs of arms that differ in nothing else, compared seed by seed."""

from dataclasses import replace

import pandas as pd
import pytest

from experiments.lab.docs import precision_table
from experiments.precision import PRECISION_ARMS, PRECISION_EXPERIMENT, PRECISION_PAIRS
from jaxmlp import data
from jaxmlp.study import Results


def test_arms_come_in_pairs_that_differ_in_precision_alone():
    arms = {
        arm.name: arm for arm in PRECISION_EXPERIMENT.arms(data.load("digits"), PRECISION_EXPERIMENT.presets["quick"])
    }
    for net in ("d4", "bn_22", "bn_41"):
        full, half = arms[f"{net}_float32"], arms[f"{net}_bfloat16"]
        assert (full.spec.precision, half.spec.precision) == ("float32", "bfloat16")
        assert replace(half.spec, precision="float32") == full.spec
        assert half.hyper == full.hyper


@pytest.mark.parametrize("order", [1, -1])
def test_the_table_pairs_runs_by_seed(order):
    """Seeds that differ by ten points, and a bfloat16 that is 0.5 points worse in each: no spread of what it loses."""
    rows = [
        {"arm": arm, "seed": seed, "epoch": 3, "run_id": f"{arm} {seed}", "test_accuracy": 0.7 + 0.1 * seed - worse}
        for arm, worse in zip(PRECISION_ARMS, (0.0, 0.005) * 3, strict=True)
        for seed in range(3)
    ]
    table = precision_table(Results({"epochs": pd.DataFrame(rows[::order])}, {}), PRECISION_PAIRS)
    assert "| 784-300-150-10 + BN, momentum | 3 | 80.00% | 79.50% | 0.50 [0.50, 0.50] |" in table
    assert table.count("0.50 [0.50, 0.50]") == 3
