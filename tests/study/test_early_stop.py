"""Early stops in a study: each run's rows end where it stopped, beside neighbours that go on."""

import numpy as np
import pytest

from jaxmlp import data, study
from jaxmlp.nn import MLPSpec
from jaxmlp.training import METRICS, DataSpec, EvalSpec, Hyper, OptimizerSpec, RunSpec

EPOCHS = 16


def make_arm(name, patience, early_stopping=True):
    spec = RunSpec(
        MLPSpec((64, 10)),
        data=DataSpec(batch_size=32, train_size=100),
        optimizer=OptimizerSpec("sgd"),
        evaluation=EvalSpec(batch_size=128, early_stopping=early_stopping),
        epochs=EPOCHS,
    )
    return study.Arm(name, spec, Hyper(learning_rate=1.5, stop_patience=patience))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    arms = [make_arm("hasty", 1), make_arm("patient", 3), make_arm("never", EPOCHS), make_arm("free", 1, False)]
    return study.run(arms, data.load("digits"), seeds=4, lanes=4, out=tmp_path_factory.mktemp("out") / "s")


def runs_of(rows, arm):
    return [run for _, run in rows[rows["arm"] == arm].groupby("seed")]


def test_rows_end_at_the_stop_and_the_last_has_the_test_accuracy(results):
    ends = {arm: [run["epoch"].max() for run in runs_of(results.rows, arm)] for arm in ("hasty", "patient", "never")}
    assert len(set(ends["hasty"])) > 1, "neighbours in a block must stop at different epochs"
    assert max(ends["hasty"]) < EPOCHS
    assert set(ends["never"]) == {EPOCHS}
    for hasty, patient in zip(ends["hasty"], ends["patient"], strict=True):
        assert hasty < patient <= EPOCHS
    for _, run in results.rows.groupby("run_id"):
        assert [*run["epoch"]] == [*range(len(run))]
        assert run["val_loss"].notna().all()
        assert [*run["test_accuracy"].notna()] == (len(run) - 1) * [False] + [True]
    assert results.final()["test_accuracy"].notna().all()


@pytest.mark.parametrize(("arm", "patience"), [("hasty", 1), ("patient", 3)])
def test_a_stopped_run_is_the_free_run_up_to_its_stop(results, arm, patience):
    for stopped, free in zip(runs_of(results.rows, arm), runs_of(results.rows, "free"), strict=True):
        losses = free["val_loss"].to_numpy()
        bad = [losses[e] >= losses[1:e].min() for e in range(2, EPOCHS + 1)]
        ends = [e for e in range(patience + 1, EPOCHS + 1) if all(bad[e - 1 - patience : e - 1])]
        assert len(stopped) == 1 + (ends[0] if ends else EPOCHS)
        for metric in set(METRICS) - {"test_accuracy", "test_loss"}:
            theirs = free[metric].to_numpy(float)[: len(stopped)]
            np.testing.assert_allclose(stopped[metric].to_numpy(float), theirs, rtol=1e-5, err_msg=metric)
