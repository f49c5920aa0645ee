"""Times of arms alone: kept beside a study's rows, and read by claims."""

import pandas as pd
import pytest

from experiments.timed import TIMES_FILE, seconds_of, time_study, with_times
from jaxmlp import data, study
from jaxmlp.evidence import synthetic_rows
from jaxmlp.evidence.measures import check_rows, read
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, RunSpec

ROWS = synthetic_rows({"small": {"test_accuracy": [0.9, 0.8]}, "large": {"test_accuracy": [0.7, 0.6]}})


@pytest.fixture
def folder(tmp_path):
    """Two arms of 1154 training images, timed twice."""
    digits = data.load("digits")
    specs = {
        name: RunSpec(MLPSpec((64, 10)), data=DataSpec(batch_size=size), epochs=1)
        for name, size in {"small": 10, "large": 100}.items()
    }
    time_study([study.Arm(name, spec) for name, spec in specs.items()], digits, tmp_path, rounds=2)
    return tmp_path


def test_an_epoch_s_seconds_are_those_of_its_steps(folder):
    times = pd.read_parquet(folder / TIMES_FILE)
    assert list(times["arm"]) == ["small", "large"] * 2
    per_epoch = times["arm"].map({"small": 115, "large": 11})
    assert times["seconds_per_epoch"].to_numpy() == pytest.approx((per_epoch * times["seconds_per_step"]).to_numpy())


def test_a_claim_reads_them_round_by_round_and_the_runs_as_before(folder):
    rows = with_times(ROWS, folder)
    check_rows(rows)
    times = pd.read_parquet(folder / TIMES_FILE)
    (small,) = read([seconds_of("small")], rows)
    assert small.to_dict() == dict(
        zip(*times.loc[times["arm"] == "small", ["round", "seconds_per_epoch"]].to_numpy().T, strict=True)
    )
    pd.testing.assert_frame_equal(pd.DataFrame(rows.iloc[: len(ROWS)][ROWS.columns]), ROWS)


def test_a_study_is_timed_once(folder):
    before = (folder / TIMES_FILE).read_bytes()
    time_study([], data.load("digits"), folder, rounds=2)
    assert (folder / TIMES_FILE).read_bytes() == before


def test_a_study_without_times_has_its_rows_alone(tmp_path):
    assert with_times(ROWS, tmp_path) is ROWS
