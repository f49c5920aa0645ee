"""What a study keeps beside its rows, when asked: trained nets, rows between epochs, TensorBoard's curves."""

import sys

import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, RunSpec, load_net


def make_arm(name, log_every=None, selection="best_validation", rate=0.05, split="random_fifth"):
    spec = RunSpec(
        MLPSpec((64, 12, 10), norm="batch_norm"),
        data=DataSpec(split, batch_size=32, train_size=200),
        evaluation=EvalSpec(selection, log_every=log_every),
        epochs=3,
    )
    return study.Arm(name, spec, Hyper(learning_rate=rate))


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


REST = (("best", False), ("last", True))


@pytest.mark.parametrize(
    ("keep", "on_disk"),
    [("best", True), ("last", False), *(pytest.param(*case, marks=pytest.mark.long) for case in REST)],
)
def test_a_kept_net_has_the_accuracy_its_run_reported(digits, tmp_path, keep, on_disk):
    out = tmp_path / "s" if on_disk else None
    arms = [make_arm("a", selection="best_validation" if keep == "best" else "last")]
    results = study.run(arms, digits, seeds=3, lanes=2, out=out, keep_params=keep)
    for _, run in results.final().iterrows():
        net = results.nets.get(run["run_id"])
        accuracy = np.mean(net.predict(digits.test_inputs) == digits.test_targets)
        assert accuracy == pytest.approx(run["test_accuracy"], abs=1e-6)
        if out is not None:
            saved = load_net(out / "nets" / f"{run['run_id']}.safetensors")
            np.testing.assert_array_equal(saved.params[0]["weight"], net.params[0]["weight"])
    tops = results.rows.groupby("run_id")["val_accuracy"].max() if keep == "best" else None
    final = results.final()
    best = final.iloc[int(np.argmax(final["val_accuracy"] if tops is None else final["run_id"].map(tops)))]
    chosen = np.mean(results.best().predict(digits.test_inputs) == digits.test_targets)
    assert chosen == pytest.approx(best["test_accuracy"], abs=1e-6)
    assert results.best(seed=1).spec == arms[0].spec
    lowest = results.rows[results.rows["epoch"] == results.rows["selected_epoch"]].sort_values("val_loss").iloc[0]
    if keep == "last":  # whose selected epoch is the last one
        lowest = results.final().sort_values("val_loss").iloc[0]
    np.testing.assert_array_equal(
        results.best("val_loss").params[0]["weight"], results.nets.get(lowest["run_id"]).params[0]["weight"]
    )
    if out is not None:
        again = study.Results.load(out).best()
        np.testing.assert_array_equal(again.params[0]["weight"], results.best().params[0]["weight"])


def test_the_last_net_is_not_the_best_one(digits):
    arm = [make_arm("a", rate=0.5)]
    best, last = (study.run(arm, digits, seeds=4, lanes=4, keep_params=keep) for keep in ("best", "last"))
    pd.testing.assert_frame_equal(best.rows, last.rows)
    earlier = best.final()[best.final()["selected_epoch"] < 3]
    assert len(earlier), "some run must have its best epoch before the last"
    for run_id in earlier["run_id"]:
        assert (best.nets.get(run_id).params[0]["weight"] != last.nets.get(run_id).params[0]["weight"]).any()


def test_a_net_that_was_not_kept_says_so(digits):
    results = study.run([make_arm("a")], digits, seeds=1)
    with pytest.raises(InputError, match="was not kept: train with keep_params"):
        results.best()
    for metric in ("accuracy", "learning_rate"):
        with pytest.raises(InputError, match=f"unknown metric '{metric}'"):
            results.best(metric)


def test_steps_are_kept_through_an_extension_and_only_for_arms_that_log(digits, tmp_path):
    arms = [make_arm("logs", log_every=2), make_arm("does not")]
    whole = study.run(arms, digits, seeds=4, lanes=2)
    steps = whole.table("steps")
    assert set(steps["arm"]) == {"logs"}
    assert steps.groupby("seed")["step"].apply(list).tolist() == [[*range(2, 19, 2)]] * 4
    means = steps.assign(epoch=(steps["step"] - 1) // 6 + 1).groupby(["seed", "epoch"])["batch_loss"].mean()
    rows = whole.rows[(whole.rows["arm"] == "logs") & (whole.rows["epoch"] > 0)]
    np.testing.assert_allclose(means.to_numpy(), rows["train_loss"], rtol=1e-5)
    study.run(arms[:1], digits, seeds=2, lanes=2, out=tmp_path / "s")
    extended = study.run(arms, digits, seeds=4, lanes=2, out=tmp_path / "s", resume=True)
    pd.testing.assert_frame_equal(extended.table("steps"), steps)
    pd.testing.assert_frame_equal(study.Results.load(tmp_path / "s").table("steps"), steps)
    with pytest.raises(InputError, match=r"no table 'steps', it has epochs, runs: train with EvalSpec\(log_every=50\)"):
        study.run(arms[1:], digits, seeds=1).table("steps")


def test_tensorboard_gets_every_metric_of_every_epoch(digits, tmp_path):
    from tensorboardX.proto import event_pb2

    results = study.run([make_arm("a"), make_arm("b", rate=0.01)], digits, seeds=2, log_dir=tmp_path)
    seen = {}
    for path in tmp_path.iterdir():
        content, place = path.read_bytes(), 0
        while place < len(content):
            (length,) = np.frombuffer(content, np.uint64, 1, place)
            event = event_pb2.Event.FromString(content[place + 12 : place + 12 + int(length)])
            place += int(length) + 16
            seen |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    for _, row in results.rows.iterrows():
        for metric in ("val_loss", "val_accuracy", "learning_rate"):
            assert seen[f"{metric}/{row['arm']}/seed_{row['seed']}", row["epoch"]] == pytest.approx(row[metric])
    assert len([key for key in seen if key[0].startswith("test_accuracy")]) == 4


def test_without_tensorboardx_the_extra_is_named(digits, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError, match="--log-dir needs tensorboardX: pip install"):
        study.run([make_arm("a")], digits, seeds=1, out=tmp_path / "s", log_dir=tmp_path / "log")
    assert not (tmp_path / "s").exists()
