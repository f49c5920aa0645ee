"""Tables beside "epochs": what is asked of a run is trained, what nobody asks is kept, and versions are told apart."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.lab.published import PUBLISHED
from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.files import write_sealed_json
from jaxmlp.schema import Column, Table, declare, table_named
from jaxmlp.study.arms import make_run
from jaxmlp.study.finished import FinishedBlock, block_rows
from jaxmlp.study.kept import tables_of
from jaxmlp.study.manifest import VERSION, make_manifest, table_keys
from jaxmlp.study.store import Store
from jaxmlp.training import METRICS, EvalSpec
from tests.study.small import make_spec

LAYERS = declare(
    Table("layers of a test", keys=("run_id", "epoch", "layer"), columns=(Column("size of a test"),), along="epoch")
)
FLOW = LAYERS.name
SEEDS = 4


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def runs(digits):
    """Of an arm that logs steps and one that does not."""
    specs = {"logs": make_spec(evaluation=EvalSpec(batch_size=128, log_every=2)), "plain": make_spec()}
    return [make_run(study.Arm(*arm), seed, digits.digest) for arm in specs.items() for seed in range(SEEDS)]


@pytest.fixture
def arms(runs):
    return list({run.arm.name: run.arm for run in runs}.values())


def made_up(block, *further, start=0.0):
    """A block as training would leave it, all numbers of "epochs" being `start`; only even seeds have layers."""
    history, measured = ({name: np.full((len(block), 3), value) for name in METRICS} for value in (start, True))
    tables = {"epochs": block_rows("s", block, history, measured)}
    for name in further:
        names = [key for key in table_named(name).required if key not in ("experiment", "arm", "run_id", "seed")]
        rows = [
            {"experiment": "s", "arm": run.arm.name, "run_id": run.run_id, "seed": run.seed}
            | dict.fromkeys(names, place)
            for run in block
            for place in (2, 1)
            if run.seed % 2 == 0
        ]
        tables[name] = pd.DataFrame(rows, columns=list(table_named(name).required))
    return FinishedBlock(tables, {})


def asked_of(runs, *probed):
    return {run.run_id: tables_of(run, probed) for run in runs}


@pytest.fixture
def sit(arms, runs, digits):
    """One sitting: what is trained again is told; blocks are added, and the study is finished or left as if killed."""

    def one(out, blocks, *probed, finish=True, resume=False):
        store = Store(out, resume=resume, asked=asked_of(runs, *probed))
        try:
            store.claim()
            told = [*store.damaged, *store.retrained]
            todo = [run for run in runs if run.run_id not in store.finished]
            store.begin(make_manifest("s", arms, range(SEEDS), digits, []))
            for block in blocks(todo):
                store.add(block)
            results = store.results(store.manifest)
            if finish:
                store.finish(results)
        finally:
            store.close()
        return results, todo, told

    return one


def by_arm(*further, start=0.0):
    """Blocks of all runs that are to be trained, one for each arm; "steps" only of the arm that logs."""

    def blocks(todo):
        for name in ("logs", "plain"):
            if block := [run for run in todo if run.arm.name == name]:
                steps = ["steps"] * (name == "logs")
                yield made_up(block, *steps, *further, start=start)

    return blocks


def test_a_finished_study_is_finished_also_of_runs_without_a_row(sit, runs, tmp_path):
    out = tmp_path / "s"
    results, todo, told = sit(out, by_arm(FLOW), FLOW)
    assert (todo, told) == (runs, [])
    assert set(results.tables) == {"epochs", "runs", "steps", FLOW}
    assert set(results.table(FLOW)["seed"]) == {0, 2}
    assert results.table(FLOW)["layer"].tolist() == [1, 2] * 4  # in the order of their keys
    for name, table in study.Results.load(out).tables.items():
        pd.testing.assert_frame_equal(table, results.table(name))
    again, todo, told = sit(out, by_arm(FLOW), FLOW, resume=True)
    assert (todo, told) == ([], [])
    pd.testing.assert_frame_equal(again.table(FLOW), results.table(FLOW))


def test_a_table_that_is_asked_for_later_has_its_runs_trained_again_and_replaced(sit, runs, tmp_path):
    out = tmp_path / "s"
    sit(out, by_arm(start=1.0))
    results, todo, told = sit(out, by_arm(FLOW, start=2.0), FLOW, resume=True)
    assert todo == runs
    assert told == [f"table {FLOW} is asked for the first time: 8 runs are trained again"]
    for found in (results, study.Results.load(out)):
        assert set(found.rows["train_loss"]) == {2.0}
        assert len(found.rows) == len(runs) * 3
        assert set(found.tables) == {"epochs", "runs", "steps", FLOW}
        assert not found.table("steps").duplicated(["run_id", "step"]).any()


def test_where_it_was_killed_in_between_the_newer_rows_count(sit, tmp_path):
    out = tmp_path / "s"
    sit(out, by_arm(start=1.0))
    results, todo, _ = sit(out, lambda todo: list(by_arm(FLOW, start=2.0)(todo))[:1], FLOW, finish=False, resume=True)
    assert results.rows.groupby("arm")["train_loss"].first().to_dict() == {"logs": 2.0, "plain": 1.0}
    results, todo, told = sit(out, by_arm(FLOW, start=3.0), FLOW, resume=True)
    assert {run.arm.name for run in todo} == {"plain"}
    assert told == [f"table {FLOW} does not have all runs: 4 runs are trained again"]
    assert results.rows.groupby("arm")["train_loss"].first().to_dict() == {"logs": 2.0, "plain": 3.0}


def test_a_table_that_nobody_asks_for_is_kept(sit, tmp_path):
    out = tmp_path / "s"
    first, _, _ = sit(out, by_arm(FLOW), FLOW)
    results, todo, told = sit(out, by_arm(), resume=True)
    assert (todo, told) == ([], [])
    assert study.Results.load(out).manifest == results.manifest
    pd.testing.assert_frame_equal(study.Results.load(out).table(FLOW), first.table(FLOW))
    assert results.manifest["tables"][FLOW]["keys"] == list(LAYERS.keys)


@pytest.mark.parametrize("name", ["steps", FLOW])
def test_a_block_s_file_that_is_gone_is_noticed(sit, tmp_path, name):
    out = tmp_path / "s"
    sit(out, by_arm(FLOW), FLOW, finish=False)
    file = min((out / "blocks" / name).glob("*.parquet"))
    file.unlink()
    results, todo, told = sit(out, by_arm(FLOW), FLOW, resume=True)
    assert [line for line in told if str(file) in line and "it is gone" in line] == told != []
    assert {run.run_id for run in todo} >= {file.stem}
    assert len({run.arm.name for run in todo}) == 1
    assert results.table(name)["run_id"].nunique() == (4 if name == FLOW else 2)


def test_what_is_taken_over_is_in_every_table_that_is_asked_for(sit, runs, tmp_path):
    sit(tmp_path / "first", by_arm(FLOW), FLOW)
    for probed, count in (((), 8), ((FLOW,), 8), (("norms of a test",), 0)):
        store = Store(None, resume=False, asked=asked_of(runs, *probed))
        assert store.take_over(tmp_path / "first", runs, "second") == count
        assert store.finished == {run.run_id for run in runs[:count]}
    (tmp_path / "first" / f"{FLOW}.parquet").unlink()
    store = Store(None, resume=False, asked=asked_of(runs, FLOW))
    assert store.take_over(tmp_path / "first", runs, "second") == 0


def test_a_part_of_the_results_has_its_part_of_every_table(sit, tmp_path):
    results, _, _ = sit(tmp_path / "s", by_arm(FLOW), FLOW)
    part = results.select(arm="plain", seed=[1, 2])
    assert set(part.table(FLOW)["run_id"]) == set(part.rows.loc[part.rows["seed"] == 2, "run_id"])
    assert part.table("steps").empty
    with pytest.raises(
        InputError, match="the study has no table 'norms', it has epochs, runs, steps, layers of a test:"
    ):
        results.table("norms")


def test_a_table_that_nobody_declared_is_not_saved(sit, tmp_path):
    results, _, _ = sit(tmp_path / "s", by_arm())
    (tmp_path / "copy").mkdir()
    with pytest.raises(InputError, match="unknown table 'undeclared'"):
        replace(results, tables=results.tables | {"undeclared": results.rows}).save(tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []


@pytest.mark.parametrize("version", [VERSION + 1, "3", None])
def test_a_newer_study_is_refused_in_one_line(sit, tmp_path, version):
    out = tmp_path / "s"
    results, _, _ = sit(out, by_arm())
    assert results.manifest["version"] == VERSION
    write_sealed_json(out / "manifest.json", results.manifest | {"version": version})
    for read in (study.Results.load, lambda out: Store(out, resume=True)):
        with pytest.raises(InputError, match=re.escape(f"{out} was written by a newer jaxmlp")) as caught:
            read(out)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", sorted(PUBLISHED.glob("*/results.parquet")), ids=lambda path: path.parent.name)
def test_published_studies_are_read_by_the_reader_of_their_version(folder):
    results = study.Results.load(folder.parent)
    manifest = json.loads((folder.parent / "manifest.json").read_text(encoding="utf-8"))
    files = {file.stem for file in folder.parent.glob("*.parquet")} - {"results", "measured"}
    assert set(results.tables) == {"epochs", *files}
    assert "version" not in manifest or files < manifest["tables"].keys()
    for name, rows in results.tables.items():
        assert not rows.duplicated(list(table_keys(results.manifest)[name])).any()
        table_named(name).check(rows)


def test_a_study_of_version_1_goes_on_as_one_of_this_version(sit, runs, tmp_path):
    out = tmp_path / "s"
    whole, _, _ = sit(tmp_path / "whole", by_arm())
    results, _, _ = sit(out, by_arm())
    old = {key: value for key, value in results.manifest.items() if key not in ("version", "tables")}
    results.table("steps").to_parquet(out / "steps.parquet", index=False)
    write_sealed_json(out / "manifest.json", old)
    results, todo, _ = sit(out, by_arm(), resume=True)
    assert {run.arm.name for run in todo} == {"logs"}  # of its runs two have no row, which nothing says
    assert len(todo) == 2
    assert study.Results.load(out).manifest["version"] == VERSION
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(study.Results.load(out).table(name), table)


def test_blocks_of_version_1_are_read(sit, tmp_path):
    out = tmp_path / "s"
    results, _, _ = sit(out, by_arm(), finish=False)
    for path in (out / "blocks").glob("*.parquet"):
        pd.read_parquet(path).to_parquet(path, index=False)
    old = {key: value for key, value in results.manifest.items() if key not in ("version", "tables")}
    write_sealed_json(out / "manifest.json", old)
    again, todo, told = sit(out, by_arm(), resume=True)
    assert (todo, told) == ([], [])
    for name, table in results.tables.items():
        pd.testing.assert_frame_equal(again.table(name), table)
    shutil.rmtree(out)
