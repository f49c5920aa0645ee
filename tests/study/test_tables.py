"""Tables of results: parts, means over two settings, pairs and curves, against plain loops and SciPy."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.study.results import Results, assemble
from jaxmlp.study.tables import ROW_COLUMNS
from jaxmlp.training import METRICS

SETTINGS = {
    f"{loss} {rate}": {"data.train_size": size, "loss.name": loss, "hyper.learning_rate": rate}
    for loss, size in (("hinge", None), ("cross_entropy", 500))
    for rate in (0.1, 0.01)
}
EARLY, LOST = ("hinge 0.1", 0), ("hinge 0.01", 1)
"""One run ends after epoch 1 of 3, another has no loss from epoch 2 on."""


def made_up():
    """Rows of every arm with seeds 0 to 2 (the last arm with 1 to 4), out of order, as blocks bring them."""
    rng = np.random.default_rng(0)
    rows = []
    for arm in SETTINGS:
        for seed in (1, 2, 3, 4) if arm == "cross_entropy 0.01" else (0, 1, 2):
            for epoch in range(2 if (arm, seed) == EARLY else 4):
                values = {name: rng.random(dtype=np.float32) for name in METRICS}
                values |= {"selected_epoch": np.int32(epoch), "diverged": (arm, seed) == LOST and epoch >= 2}
                values |= {"val_loss": np.float32("nan")} if values["diverged"] else {}
                row = {"experiment": "made up", "arm": arm, "run_id": f"{arm}/{seed}", "seed": seed}
                rows.append(row | {"epoch": np.int32(epoch)} | values)
    types = dict.fromkeys(METRICS[:6], np.float32) | {"epoch": np.int32, "selected_epoch": np.int32}
    return pd.DataFrame(rows).astype(types).sample(frac=1.0, random_state=0, ignore_index=True)


@pytest.fixture
def results():
    return Results({"epochs": assemble(made_up(), SETTINGS)}, {"experiment": "made up"})


def number(results, arm, seed, metric, epoch):
    """One cell, the slow way; None where the run has no such row."""
    rows = results.rows
    found = rows[(rows["arm"] == arm) & (rows["seed"] == seed) & (rows["epoch"] == epoch)][metric]
    return float(found.iloc[0]) if len(found) else None


def test_rows_come_by_arm_seed_and_epoch_with_the_settings_of_their_arm(results):
    rows = results.rows
    assert list(rows.columns) == [*ROW_COLUMNS, "data.train_size", "loss.name", "hyper.learning_rate"]
    places = [(list(SETTINGS).index(row.arm), row.seed, row.epoch) for row in rows.itertuples()]
    assert places == sorted(places)
    for arm, seed, size, rate in zip(
        rows["arm"], rows["run_id"], rows["data.train_size"], rows["hyper.learning_rate"], strict=True
    ):
        assert seed.startswith(arm)
        assert rate == SETTINGS[arm]["hyper.learning_rate"]
        assert size == SETTINGS[arm]["data.train_size"] or math.isnan(size)


def test_a_study_read_back_has_the_same_values_and_types(results, tmp_path):
    results.save(tmp_path)
    back = Results.load(tmp_path)
    pd.testing.assert_frame_equal(back.rows, results.rows, check_exact=True)
    assert back.manifest | results.manifest == back.manifest
    assert {*back.manifest} - {*results.manifest} == {"version", "tables"}
    expected = {"seed": "int64", "epoch": "int32", "selected_epoch": "int32", "diverged": "bool"}
    expected |= dict.fromkeys(METRICS[:6], "float32") | {"hyper.learning_rate": "float64"}
    assert {name: str(back.rows[name].dtype) for name in expected} == expected
    pd.testing.assert_frame_equal(back.final(), results.final())


def test_a_table_assembled_in_two_sittings_has_the_types_of_one(results):
    rows = made_up()
    first = assemble(rows[rows["arm"].str.startswith("hinge")], dict(list(SETTINGS.items())[:2]))
    second = rows[~rows["arm"].str.startswith("hinge")]
    pd.testing.assert_frame_equal(assemble(pd.concat([second, first]), SETTINGS), results.rows)


def test_final_is_the_last_row_of_every_run(results):
    final = results.final().set_index("run_id")
    assert len(final) == 13
    assert final["epoch"].to_dict() == {run: 1 if run == "/".join(map(str, EARLY)) else 3 for run in final.index}


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({"arm": "hinge 0.1"}, lambda row: row.arm == "hinge 0.1"),
        ({"seed": [0, 4]}, lambda row: row.seed in (0, 4)),
        ({"seed": range(2), "epoch": 3}, lambda row: row.seed < 2 and row.epoch == 3),
        ({"hyper.learning_rate": 0.1, "loss.name": {"hinge"}}, lambda row: row.arm == "hinge 0.1"),
        ({"data.train_size": None}, lambda row: row.arm.startswith("hinge")),
        ({"data.train_size": np.array([500])}, lambda row: row.arm.startswith("cross")),
        ({"data.train_size": [None, 500]}, lambda row: True),
        ({}, lambda row: True),
    ],
)
def test_a_selection_is_the_rows_that_meet_every_condition(results, conditions, kept):
    chosen = results.select(**conditions)
    expected = results.rows[[kept(row) for row in results.rows.itertuples()]].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen.rows, expected)
    assert chosen.manifest is results.manifest
    assert set(chosen.final()["run_id"]) == set(expected["run_id"])


@pytest.mark.parametrize("epoch", [None, 1, 2])
@pytest.mark.parametrize("metric", ["test_accuracy", "val_loss", "diverged"])
def test_a_pivot_holds_the_mean_over_seeds_and_nan_where_a_run_has_no_value(results, metric, epoch):
    table = results.pivot(metric, rows="hyper.learning_rate", columns="loss.name", epoch=epoch)
    assert (list(table.index), list(table.columns)) == ([0.1, 0.01], ["hinge", "cross_entropy"])
    assert (table.index.name, table.columns.name) == ("hyper.learning_rate", "loss.name")
    for rate in table.index:
        for loss in table.columns:
            arm = f"{loss} {rate}"
            seeds = results.rows.loc[results.rows["arm"] == arm, "seed"].unique()
            ends = {seed: 1 if (arm, seed) == EARLY else 3 for seed in seeds}
            each = [number(results, arm, seed, metric, ends[seed] if epoch is None else epoch) for seed in seeds]
            expected = math.nan if None in each else sum(each) / len(each)
            assert table.loc[rate, loss] == pytest.approx(expected, nan_ok=True)
    incomplete = {("val_loss", None): 1, ("val_loss", 2): 2}.get((metric, epoch), int(epoch == 2))
    assert table.isna().to_numpy().sum() == incomplete


def test_a_pivot_over_a_setting_that_is_none_or_a_part_of_the_grid(results):
    table = results.select(seed=[1, 2]).pivot("train_loss", rows="data.train_size", columns="hyper.learning_rate")
    assert table.notna().all(axis=None)
    assert np.isnan(table.index[0])
    part = results.select(arm=["hinge 0.1", "cross_entropy 0.01"])
    holes = part.pivot("train_loss", rows="loss.name", columns="hyper.learning_rate").isna()
    assert holes.to_numpy().tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("epoch", [None, 2])
def test_pairs_are_of_one_seed_and_only_of_seeds_both_have(results, epoch):
    a, b = "hinge 0.1", "cross_entropy 0.01"
    differences = results.paired_differences("train_loss", a, b, epoch)
    assert list(differences.index) == [1, 2]
    assert differences.name == "hinge 0.1 - cross_entropy 0.01"
    for seed, difference in differences.items():
        values = [number(results, arm, seed, "train_loss", 3 if epoch is None else epoch) for arm in (a, b)]
        assert difference == pytest.approx(values[0] - values[1], rel=1e-12)
    backwards = results.paired_differences("train_loss", b, a, epoch)
    np.testing.assert_array_equal(backwards, -differences)


def test_a_pair_without_a_value_is_nan_and_not_left_out(results):
    lost = results.paired_differences("val_loss", "hinge 0.01", "cross_entropy 0.1")
    assert lost.isna().to_dict() == {0: False, 1: True, 2: False}
    early = results.paired_differences("train_loss", "hinge 0.1", "cross_entropy 0.1", epoch=2)
    assert early.isna().to_dict() == {0: True, 1: False, 2: False}


@pytest.mark.parametrize("metric", ["val_loss", "train_accuracy"])
def test_curves_have_the_mean_and_the_student_t_interval_of_the_runs_there(results, metric):
    curves = results.curves(metric)
    assert list(curves.columns) == ["arm", "epoch", "mean", "low", "high", "n"]
    assert list(zip(curves["arm"], curves["epoch"], strict=True)) == [(a, e) for a in SETTINGS for e in range(4)]
    for point in curves.itertuples():
        each = [number(results, point.arm, seed, metric, point.epoch) for seed in range(5)]
        sample = [value for value in each if value is not None and math.isfinite(value)]
        mean, error = np.mean(sample), stats.sem(sample)
        low, high = stats.t.interval(0.95, len(sample) - 1, loc=mean, scale=error)
        assert (point.mean, point.low, point.high) == pytest.approx((mean, low, high), rel=1e-9)
        assert point.n == len(sample)
    counts = curves.set_index(["arm", "epoch"])["n"]
    assert counts.loc["hinge 0.1"].tolist() == [3, 3, 2, 2]
    assert counts.loc["hinge 0.01"].tolist() == ([3, 3, 2, 2] if metric == "val_loss" else [3] * 4)


def test_a_curve_of_one_run_has_no_band_and_one_of_none_no_mean(results):
    one = results.select(seed=1).curves("val_loss").set_index(["arm", "epoch"])
    assert one[["low", "high"]].isna().all(axis=None)
    assert one.loc[("hinge 0.01", 1), "n"] == 1
    assert one.loc[("hinge 0.01", 1), "mean"] == number(results, *LOST, "val_loss", 1)
    assert one.loc[("hinge 0.01", 3), "n"] == 0
    assert math.isnan(one.loc[("hinge 0.01", 3), "mean"])


def test_it_shows_as_one_line(results):
    assert repr(results) == (
        "<Results: 4 arms, 5 seeds, 50 rows; settings that vary: data.train_size, loss.name, hyper.learning_rate>"
    )


BAD = [
    (lambda r: r.select(arms="hinge 0.1"), "unknown column 'arms': choose one of experiment, arm, run_id"),
    (lambda r: r.select(val_loss=0.5), "unknown column 'val_loss'"),
    (lambda r: r.select(seed=[0, 7]), "no row has seed 7: there are 0, 1, 2, 3, 4"),
    (lambda r: r.select(seed="0"), "no row has seed '0'"),
    (lambda r: r.select(seed=None), "no row has seed None"),
    (lambda r: r.select(seed=[]), r"no row has seed \[\]"),
    (lambda r: r.select(seed=[[0]]), r"no row has seed \[0\]"),
    (lambda r: r.select(**{"data.train_size": 400}), "there are 500.0, None"),
    (lambda r: r.select(arm="hinge 0.1", seed=4), "no row has arm 'hinge 0.1', seed 4 together"),
    (lambda r: r.pivot("accuracy", rows="arm", columns="seed"), "unknown metric 'accuracy'"),
    (lambda r: r.pivot("val_loss", rows="epoch", columns="seed"), "unknown setting 'epoch': choose one of arm, seed,"),
    (lambda r: r.pivot("val_loss", rows="arm", columns="arm"), "rows and columns are both arm"),
    (lambda r: r.pivot("val_loss", rows="arm", columns="seed", epoch=4), "no run has epoch 4: give one from 0 to 3"),
    (lambda r: r.pivot("val_loss", rows="loss.name", columns="seed"), "differ in hyper.learning_rate too"),
    (lambda r: r.paired_differences("val_loss", "hinge", "hinge 0.1"), "no row has arm 'hinge'"),
    (lambda r: r.curves("loss"), "unknown metric 'loss'"),
    (
        lambda r: Results(
            {"epochs": r.rows[(r.rows["arm"] == "hinge 0.1") ^ (r.rows["seed"] > 2)]}, {}
        ).paired_differences("val_loss", "hinge 0.1", "cross_entropy 0.01"),
        "have no seed in common",
    ),
]


@pytest.mark.parametrize(("wrong", "message"), BAD)
def test_wrong_questions_say_what_there_is(results, wrong, message):
    with pytest.raises(InputError, match=message) as caught:
        wrong(results)
    assert "\n" not in str(caught.value)


def test_a_message_lists_no_more_than_a_reader_takes_in(results):
    many = Results({"epochs": results.rows.assign(seed=np.arange(50))}, {})
    with pytest.raises(InputError, match=r"there are 0, 1, .*, 19 and 30 more$"):
        many.select(seed=50)
