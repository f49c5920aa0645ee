"""What is measured after training: kept beside a study's rows, made again for other runs, and read by claims."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.lab.measured import MEASURED_FILE, Finished, Measurement, measure_study, with_measured
from experiments.lab.timed import LOG_SECONDS, seconds_of, times_of
from jaxmlp import data, study
from jaxmlp.evidence import synthetic_rows
from jaxmlp.evidence.measures import check_rows, read
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Results
from jaxmlp.training import DataSpec, RunSpec

ROWS = synthetic_rows({"small": {"test_accuracy": [0.9, 0.8]}, "large": {"test_accuracy": [0.7, 0.6]}})


@pytest.fixture(scope="module")
def finished():
    """Two arms on 1154 training images, as if each had trained with two seeds."""
    specs = {
        name: RunSpec(MLPSpec((64, 10)), data=DataSpec(batch_size=size), epochs=epochs)
        for name, (size, epochs) in {"small": (10, 1), "large": (100, 3)}.items()
    }
    arms = [study.Arm(name, spec) for name, spec in specs.items()]
    return Finished(arms, {"small": 2, "large": 2}, Results({"epochs": ROWS}, {}), data.load("digits"))


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    measure_study(times_of("small", "large", "not run"), finished, folder)
    return folder


def test_an_epoch_s_seconds_are_those_of_its_steps(finished):
    times = times_of("small", "large").make(finished)
    assert list(times["arm"]) == ["small alone", "large alone"] * 2
    per_step = times["seconds_per_epoch"] / times["arm"].map({"small alone": 115, "large alone": 11})
    assert per_step.between(1e-6, 0.1).all()
    whole = times["seconds_per_run"] / times["seconds_per_epoch"]
    assert whole.to_numpy() == pytest.approx([1, 3] * 2)
    assert times["log_seconds_per_epoch"].to_numpy() == pytest.approx(np.log(times["seconds_per_epoch"].to_numpy()))


def test_a_round_is_the_least_of_its_turns(finished, monkeypatch):
    def noisy(arms, dataset, *, steps, rounds):
        """Each turn takes ten seconds more than the one before, but turns 4 and 14, which take 1 and 2."""
        turns = [(arm.name, turn) for turn in range(1, rounds + 1) for arm in arms]
        seconds = [{4: 1.0, 14: 2.0}.get(turn, 10.0 * turn) + (name == "large") for name, turn in turns]
        return pd.DataFrame(turns, columns=["arm", "round"]).assign(seconds_per_step=seconds)

    monkeypatch.setattr(study, "time_arms", noisy)
    times = times_of("small", "large").make(finished)
    assert list(times["seed"]) == [1, 1, 2, 2]
    assert list(times["seconds_per_epoch"]) == [115 * 1.0, 11 * 2.0, 115 * 2.0, 11 * 3.0]


def test_a_claim_reads_them_round_by_round_and_the_runs_as_before(folder):
    rows = with_measured(ROWS, folder)
    check_rows(rows)
    kept = pd.read_parquet(folder / MEASURED_FILE)
    for measure, column in ((seconds_of("small").measure, "seconds_per_epoch"), (LOG_SECONDS, "log_seconds_per_epoch")):
        (small,) = read([seconds_of("small", measure)], rows)
        own = kept.loc[kept["arm"] == "small alone"]
        assert small.to_dict() == dict(zip(own["seed"], own[column], strict=True))
    pd.testing.assert_frame_equal(pd.DataFrame(rows.iloc[: len(ROWS)][ROWS.columns]), ROWS)


def test_it_is_made_once_for_the_same_runs_and_anew_for_others(finished, tmp_path):
    made = []

    def make(finished):
        made.append(len(finished.results.rows))
        return pd.DataFrame({"arm": ["beside"], "seed": [0], "epoch": [0], "number": [float(len(made))]})

    measurement = Measurement(("beside",), make)
    for _ in range(2):
        measure_study(measurement, finished, tmp_path)
    assert len(made) == 1
    more = synthetic_rows({"small": {"test_accuracy": [0.9, 0.8, 0.7]}})
    measure_study(measurement, replace(finished, results=Results({"epochs": more}, {})), tmp_path)
    assert len(made) == 2
    assert with_measured(ROWS, tmp_path)["number"].dropna().tolist() == [2.0]


def test_a_study_that_measured_nothing_has_its_rows_alone(tmp_path):
    assert with_measured(ROWS, tmp_path) is ROWS


def test_arms_that_were_not_run_are_not_timed(finished, tmp_path):
    measure_study(times_of("another"), finished, tmp_path)
    assert (tmp_path / MEASURED_FILE).is_file()
    assert with_measured(ROWS, tmp_path) is ROWS
