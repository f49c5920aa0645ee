"""Seconds of training alone, for claims about time: a study's runs share a clock and have none of their own (S-099)."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jaxmlp import study
from jaxmlp.data import Dataset
from jaxmlp.evidence import Measure, Value, final
from jaxmlp.files import write_rows

TIMES_FILE = "times.parquet"
STEPS = 540
"""Steps of a round. Each round draws an order of the data, as an epoch does: D4's epochs have 270 to 5,400 steps, and
in a tenth of this number drawing would be a part of what is timed."""
SECONDS: Measure = final("seconds_per_epoch")


def seconds_of(arm: str) -> Value:
    """Seconds that an epoch of the arm's updates takes, trained alone and without any evaluation."""
    return Value(_alone(arm), SECONDS)


def time_study(arms: Sequence[study.Arm], dataset: Dataset, folder: Path, *, rounds: int) -> None:
    """Time the arms in turn and keep it as the study's `times.parquet`, unless that is there already.

    Args:
        arms: the timed ones.
        dataset: the study's.
        folder: the study's.
        rounds: how often each arm is timed; arms are compared round by round, as runs are seed by seed.
    """
    if (folder / TIMES_FILE).is_file():
        return
    times = study.time_arms(arms, dataset, steps=STEPS, rounds=rounds)
    count = dataset.train_images.shape[0]
    steps = {arm.name: arm.spec.data.steps_per_epoch(count) for arm in arms}
    seconds = times["seconds_per_step"] * [steps[arm] for arm in times["arm"]]
    write_rows(folder / TIMES_FILE, times.assign(seconds_per_epoch=seconds))


def with_times(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """`rows` and those of the study's times, if it has any: one arm more for each timed one, its rounds for seeds."""
    if not (folder / TIMES_FILE).is_file():
        return rows
    times = pd.read_parquet(folder / TIMES_FILE)
    timed = pd.DataFrame(
        {
            "arm": [_alone(arm) for arm in times["arm"]],
            "seed": times["round"],
            "epoch": 0,
            "diverged": False,
            "seconds_per_epoch": times["seconds_per_epoch"],
        }
    )
    return pd.concat([rows, timed], ignore_index=True)


def _alone(arm: str) -> str:
    return f"{arm} alone"
