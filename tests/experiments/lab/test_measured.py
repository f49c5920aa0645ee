"""What is measured after training: tables beside a study's rows, made again for other runs, and read by claims."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.lab.forbidden import ALIKE, WITH_DROPOUT, ZEROS
from experiments.lab.measured import Finished, Measurement, both, load_results, measure_study
from experiments.lab.propagation import PROPAGATION_STARTS
from experiments.lab.published import PUBLISHED
from experiments.lab.registry import EXPERIMENTS
from experiments.lab.timed import LOG_SECONDS, TIMES, seconds_of, times_of
from experiments.lab.version_1 import MEASURED_FILE
from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.evidence import synthetic_rows
from jaxmlp.evidence.readings import check_rows, read
from jaxmlp.files import write_rows
from jaxmlp.nn import MLPSpec
from jaxmlp.schema import TABLES, Column, Table, declare
from jaxmlp.study import Results
from jaxmlp.training import DataSpec, RunSpec

ROWS = synthetic_rows({"small": {"test_accuracy": [0.9, 0.8]}, "large": {"test_accuracy": [0.7, 0.6]}})
BESIDE = declare(Table("beside of a test", keys=("form", "seed"), columns=(Column("number"),), subject="form"))
OLD = sorted(PUBLISHED.glob(f"*/{MEASURED_FILE}"))


@pytest.fixture(scope="module")
def finished():
    """Two arms on 1154 training images, as if each had trained with two seeds."""
    specs = {
        name: RunSpec(MLPSpec((64, 10)), data=DataSpec(batch_size=size), epochs=epochs)
        for name, (size, epochs) in {"small": (10, 1), "large": (100, 3)}.items()
    }
    arms = [study.Arm(name, spec) for name, spec in specs.items()]
    return Finished(arms, {"small": 2, "large": 2}, Results({"epochs": ROWS}, {}), data.load("digits"))


@pytest.fixture
def folder(finished, tmp_path):
    """A study's own, with its rows."""
    finished.results.save(tmp_path)
    return tmp_path


def numbered(made, *numbers):
    """A measurement that counts how often it is made."""

    def make(finished):
        made.append(len(finished.results.rows))
        rows = [{"form": "one", "seed": seed, "number": number} for seed, number in enumerate(numbers)]
        return {BESIDE.name: pd.DataFrame(rows, columns=list(BESIDE.required))}

    return Measurement({BESIDE.name: ("one",)}, make)


def test_an_epoch_s_seconds_are_those_of_its_steps(finished):
    times = times_of("small", "large").make(finished)["times"]
    assert list(times["arm"]) == ["small", "large"] * 2
    per_step = times["seconds_per_epoch"] / times["arm"].map({"small": 115, "large": 11})
    assert per_step.between(1e-6, 0.1).all()
    whole = times["seconds_per_run"] / times["seconds_per_epoch"]
    assert whole.to_numpy() == pytest.approx([1, 3] * 2)
    assert times["log_seconds_per_epoch"].to_numpy() == pytest.approx(np.log(times["seconds_per_epoch"].to_numpy()))


def test_a_round_is_the_least_of_its_turns(finished):
    def noisy(arms, dataset, *, steps, rounds):
        """Each turn takes ten seconds more than the one before, but turns 4 and 14, which take 1 and 2."""
        turns = [(arm.name, turn) for turn in range(1, rounds + 1) for arm in arms]
        seconds = [{4: 1.0, 14: 2.0}.get(turn, 10.0 * turn) + (name == "large") for name, turn in turns]
        return pd.DataFrame(turns, columns=["arm", "round"]).assign(seconds_per_step=seconds)

    times = times_of("small", "large", time=noisy).make(finished)["times"]
    assert list(times["round"]) == [1, 1, 2, 2]
    assert list(times["seconds_per_epoch"]) == [115 * 1.0, 11 * 2.0, 115 * 2.0, 11 * 3.0]


def test_a_claim_reads_them_round_by_round_and_the_runs_as_before(finished, folder):
    measure_study(times_of("small", "large", "not run"), finished, folder)
    results = load_results(folder)
    check_rows(results.tables)
    kept = pd.read_parquet(folder / "times.parquet")
    for measure, column in ((seconds_of("small").measure, "seconds_per_epoch"), (LOG_SECONDS, "log_seconds_per_epoch")):
        (small,) = read([seconds_of("small", measure)], results.tables)
        own = kept.loc[kept["arm"] == "small"]
        assert small.to_dict() == dict(zip(own["round"], own[column], strict=True)) != {}
    pd.testing.assert_frame_equal(results.rows, ROWS)
    assert results.manifest["tables"]["times"]["keys"] == ["arm", "round"]
    assert set(results.select(arm="small").table("times")["arm"]) == {"small"}


def test_it_is_made_once_for_the_same_runs_and_anew_for_others(finished, folder):
    made = []
    for _ in range(2):
        measure_study(numbered(made, 1.0), finished, folder)
    assert len(made) == 1
    more = Results({"epochs": synthetic_rows({"small": {"test_accuracy": [0.9, 0.8, 0.7]}})}, {})
    measure_study(numbered(made, 2.0), replace(finished, results=more), folder)
    assert len(made) == 2
    assert load_results(folder).table(BESIDE.name)["number"].tolist() == [2.0]


def test_what_was_measured_of_other_keys_stays(finished, folder):
    measure_study(numbered([], 1.0, 2.0, 3.0), finished, folder)
    seen = []

    def make(finished):
        seen.append(finished.earlier[BESIDE.name]["number"].tolist())
        return {BESIDE.name: pd.DataFrame({"form": "one", "seed": [1000, 1], "number": [7.0, 8.0]})}

    more = Results({"epochs": synthetic_rows({"small": {"test_accuracy": [0.9, 0.8, 0.7]}})}, {})
    measure_study(Measurement({BESIDE.name: ("one",)}, make), replace(finished, results=more), folder)
    kept = load_results(folder).table(BESIDE.name)
    assert dict(zip(kept["seed"], kept["number"], strict=True)) == {0: 1.0, 2: 3.0, 1000: 7.0, 1: 8.0}
    assert seen == [[1.0, 2.0, 3.0]]


def test_two_measurements_make_the_tables_of_both(finished, folder):
    made = []
    measure_study(both(times_of("small"), numbered(made, 1.0)), finished, folder)
    assert set(load_results(folder).tables) == {"epochs", "times", BESIDE.name}
    (folder / "times.parquet").unlink()
    measure_study(both(times_of("small"), numbered(made, 1.0)), finished, folder)
    assert len(made) == 2  # both again: what is gone was made with it


def test_rows_with_a_key_twice_are_refused(finished, folder):
    def make(finished):
        return {BESIDE.name: pd.DataFrame({"form": ["one"] * 2, "seed": 0, "number": 1.0})}

    with pytest.raises(InputError, match="table beside of a test has form one, seed 0 twice"):
        measure_study(Measurement({BESIDE.name: ("one",)}, make), finished, folder)
    assert not (folder / f"{BESIDE.name}.parquet").exists()


def test_a_study_that_measured_nothing_has_its_rows_alone(folder):
    assert set(load_results(folder).tables) == {"epochs"}


def test_arms_that_were_not_run_are_not_timed(finished, folder):
    measure_study(times_of("another"), finished, folder)
    assert load_results(folder).table("times").empty


def test_measuring_anew_leaves_nothing_of_version_1(finished, folder):
    old = {"arm": ["small alone"], "seed": [1], "epoch": [0], "seconds_per_epoch": [7.0], "runs": [""]}
    write_rows(folder / MEASURED_FILE, pd.DataFrame(old))
    assert load_results(folder).table("times")["seconds_per_epoch"].tolist() == [7.0]
    measure_study(times_of("small"), finished, folder)
    assert not (folder / MEASURED_FILE).exists()
    assert load_results(folder).table("times")["round"].tolist() == [1, 2]


AFTER_VERSION_1 = {"ranks"}
"""Tables that no study of version 1 measured."""


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parent.name)
def test_published_measurements_of_version_1_are_read_as_declared_tables(path):
    old, results = pd.read_parquet(path), load_results(path.parent)
    declared = EXPERIMENTS[path.parent.name].measured.subjects
    found = {name: rows for name, rows in results.tables.items() if name not in ("epochs", "steps")}
    assert found.keys() == declared.keys() - AFTER_VERSION_1
    for name, rows in found.items():
        TABLES[name].check(rows)
        assert set(rows[TABLES[name].subject]) == set(declared[name])
        for column in TABLES[name].columns:  # every number, and none besides
            assert set(rows[column.name].dropna()) == set(old[column.name].dropna())


def test_there_are_published_measurements_of_each_kind():
    assert {name for path in OLD for name in load_results(path.parent).tables} >= {
        "times", "starts", "start_growth", "forbidden", "modes", "masks",
    }  # fmt: skip
    results = load_results(PUBLISHED / "initialization")
    layers = results.table("starts").groupby("start")["layer"].agg(["min", "max"])
    assert {name: tuple(of) for name, of in layers.iterrows()} == {
        s: (1, one.depth) for s, one in PROPAGATION_STARTS.items()
    }
    assert set(results.table("start_growth").groupby("start").size()) == {100}
    sizes = results.table("forbidden").groupby("case").size()
    assert sizes.to_dict() == dict.fromkeys((*ZEROS, *ALIKE, WITH_DROPOUT), 10)
    times = load_results(PUBLISHED / "network_size").table(TIMES.name)
    assert times.groupby("arm")["round"].apply(list).map(lambda of: of == [*range(1, 11)]).all()
