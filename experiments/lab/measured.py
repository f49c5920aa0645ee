"""What a study measures besides training: times, theory, nets in another mode. Claims and figures read it like runs."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jaxmlp.data import Dataset
from jaxmlp.files import write_rows
from jaxmlp.study import Arm, Results

MEASURED_FILE = "measured.parquet"


@dataclass(frozen=True)
class Finished:
    """A study that has trained."""

    arms: Sequence[Arm]
    """Those that were run."""
    seeds: Mapping[str, int]
    """How many each has."""
    results: Results
    dataset: Dataset
    first_seed: int = 0
    """Rounds that are no runs count from here, so that they belong to the runs' seeds."""


@dataclass(frozen=True)
class Measurement:
    """Declared with an experiment, made after its training."""

    arms: tuple[str, ...]
    """Names of the arms that its rows may have."""
    make: Callable[[Finished], pd.DataFrame]
    """Rows with arm, seed, epoch, and columns of their own, any number of rows."""
    needs_nets: bool = False
    """Whether it reads the trained nets, which are kept then."""


def both(first: Measurement, second: Measurement) -> Measurement:
    """The rows of two measurements."""

    def make(finished: Finished) -> pd.DataFrame:
        return pd.concat([first.make(finished), second.make(finished)], ignore_index=True)

    return Measurement(first.arms + second.arms, make, first.needs_nets or second.needs_nets)


def measure_study(measurement: Measurement, finished: Finished, folder: Path) -> None:
    """Measure, and keep it as the study's `measured.parquet`, unless that is there already for the same runs."""
    run_ids = sorted(finished.results.rows["run_id"].unique())
    digest = hashlib.sha256(" ".join(run_ids).encode()).hexdigest()[:16]
    file = folder / MEASURED_FILE
    if file.is_file() and set(pd.read_parquet(file, columns=["runs"])["runs"]) == {digest}:
        return
    write_rows(file, measurement.make(finished).assign(runs=digest))


def with_measured(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """`rows` and those that the study in `folder` measured, if it did: further arms."""
    if not (folder / MEASURED_FILE).is_file():
        return rows
    measured = pd.read_parquet(folder / MEASURED_FILE).drop(columns="runs")
    if measured.empty:
        return rows
    run_ids = [f"{arm}-{seed}" for arm, seed in zip(measured["arm"], measured["seed"], strict=True)]
    return pd.concat([rows, measured.assign(run_id=run_ids, diverged=False)], ignore_index=True)
