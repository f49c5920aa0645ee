"""What another study has trained is not trained again: its runs are taken over, under the new study's names."""

import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, RunSpec


def make_arm(name, rate, log_every=None):
    spec = RunSpec(
        MLPSpec((64, 12, 10)),
        data=DataSpec(batch_size=32, train_size=200),
        evaluation=EvalSpec(batch_size=128, log_every=log_every),
        epochs=2,
    )
    return study.Arm(name, spec, Hyper(learning_rate=rate))


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.mark.parametrize("log_every", [None, 2])
def test_runs_of_a_study_beside_it_are_taken_over_with_their_steps(digits, tmp_path, log_every, monkeypatch):
    first = study.run([make_arm("a", 0.01, log_every)], digits, seeds=2, name="first", out=tmp_path / "first")
    arms = [make_arm("b", 0.1, log_every), make_arm("same as a", 0.01, log_every)]
    options = {"lanes": 1, "name": "second", "beside": [tmp_path / "first", tmp_path / "none"]}
    results = study.run(arms, digits, seeds=3, out=tmp_path / "second", **options)
    assert results.manifest["taken_over"] == {"first": 2}
    taken = results.select(arm="same as a", seed=[0, 1])
    ours, theirs = (one.rows.drop(columns=["arm", "experiment", "hyper.learning_rate"], errors="ignore")
                    for one in (taken, first))  # fmt: skip
    pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs.reset_index(drop=True))
    assert set(results.rows["experiment"]) == {"second"}
    assert results.rows.groupby("arm")["seed"].nunique().to_dict() == {"b": 3, "same as a": 3}
    if log_every is not None:
        assert results.table("steps").groupby(["arm", "seed"]).size().nunique() == 1
        assert len(results.table("steps").groupby(["arm", "seed"])) == 6
    # All of it is in the study's own folder now: nothing is left to train.
    monkeypatch.setattr("jaxmlp.study.engine._Session.train", lambda session, work: work and pytest.fail("trained"))
    again = study.run(arms, digits, seeds=3, out=tmp_path / "second", resume=True, **options)
    pd.testing.assert_frame_equal(again.rows, results.rows)


def test_steps_that_are_gone_are_trained_again(digits, tmp_path):
    arms = [make_arm("a", 0.01, 2)]
    study.run(arms, digits, seeds=1, out=tmp_path / "first")
    (tmp_path / "first" / "steps.parquet").unlink()
    results = study.run(arms, digits, seeds=1, out=tmp_path / "second", beside=[tmp_path / "first"])
    assert results.manifest["taken_over"] == {}
    assert len(results.table("steps"))


def test_other_settings_other_seeds_and_kept_nets_are_trained(digits, tmp_path):
    study.run([make_arm("a", 0.01)], digits, seeds=[0], out=tmp_path / "first")
    for i, (rate, seeds, keep) in enumerate([(0.02, [0], "none"), (0.01, [1], "none"), (0.01, [0], "last")]):
        out = tmp_path / str(i)
        results = study.run(
            [make_arm("a", rate)], digits, seeds=seeds, out=out, keep_params=keep, beside=[tmp_path / "first"]
        )
        assert results.manifest["taken_over"] == {}
