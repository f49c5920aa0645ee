"""A study about numbers: targets [N, T], R² in columns of its own, and nets that predict numbers."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score as sklearn_r2

from jaxmlp import data, study
from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import METRICS, SCORES, DataSpec, EvalSpec, Hyper, LossSpec, RunSpec
from tests.study.small import Silent, run


def diabetes(columns=1):
    points, target = load_diabetes(return_X_y=True)
    points = (points / points.std(axis=0)).astype(np.float32)
    target = ((target - target.mean()) / target.std()).astype(np.float32)
    targets = np.stack([target, target**2], axis=1)[:, :columns]
    parts = (points[:342], targets[:342], points[342:], targets[342:])
    return Dataset(*parts, name="diabetes", num_classes=columns, image_shape=())


def spec_of(loss="squared_error", outputs=1, **options):
    return RunSpec(
        MLPSpec((10, 16, outputs)),
        data=DataSpec(preprocessing="none", batch_size=32),
        loss=LossSpec(loss),
        epochs=15,
        evaluation=EvalSpec(batch_size=128, **options),
    )


ARMS = [study.Arm("net", spec_of(), Hyper(learning_rate=5e-3)), study.Arm("lost", spec_of(), Hyper(learning_rate=1e30))]


@pytest.fixture(scope="module")
def results():
    return run(ARMS, diabetes(), keep_params="best")


def test_r2_has_columns_of_its_own_and_there_is_no_accuracy(results):
    rows = results.rows
    assert [name for name in rows if name in METRICS + SCORES] == [*METRICS, *SCORES]
    assert rows[["train_accuracy", "val_accuracy", "test_accuracy"]].isna().all().all()
    net = rows[rows["arm"] == "net"]
    assert net[["train_score", "val_score"]].notna().all().all()
    final = results.final()
    assert final["test_score"].notna().all()
    # As good as a straight line on this set, or nearly.
    dataset = diabetes()
    line = LinearRegression().fit(dataset.train_inputs, dataset.train_targets)
    reached = final.loc[final["arm"] == "net", "test_score"].mean()
    assert line.score(dataset.test_inputs, dataset.test_targets) - 0.1 < reached < 1.0
    lost = final[final["arm"] == "lost"]
    assert lost["diverged"].all()
    assert (lost["test_score"] == 0.0).all()


def test_the_kept_net_is_that_of_the_highest_r2_and_predicts_numbers(results):
    net = results.best("val_score")
    dataset = diabetes()
    predicted = np.asarray(net.predict(dataset.test_inputs))
    assert predicted.shape == (100, 1)
    final = results.final()
    best = final.loc[final["arm"] == "net"]
    reached = sklearn_r2(dataset.test_targets, predicted)
    assert any(reached == pytest.approx(score, abs=1e-5) for score in best["test_score"])


def test_a_study_on_disk_is_continued_and_read_with_its_scores(tmp_path):
    arms = [study.Arm("net", replace(spec_of(log_every=3), epochs=2))]
    how = {"lanes": 2, "display": Silent()}
    first = study.run(arms, diabetes(), seeds=2, out=tmp_path / "out", **how)
    more = study.run(arms, diabetes(), seeds=4, out=tmp_path / "out", resume=True, **how)
    assert len(more.rows) == 2 * len(first.rows) == 4 * 3
    assert more.rows["val_score"].notna().all()
    loaded = study.Results.load(tmp_path / "out")
    assert list(loaded.rows.columns) == list(more.rows.columns)
    assert loaded.table("steps")["batch_score"].notna().all()
    assert loaded.table("steps")["batch_accuracy"].isna().all()
    pairs = loaded.curves("val_score")
    assert (pairs["n"] == 4).all()


def test_several_targets_train_together():
    final = run([study.Arm("net", spec_of("absolute_error", 2))], diabetes(2), seeds=1).final()
    assert final["test_score"].notna().all()


@pytest.mark.parametrize(
    ("spec", "columns", "message"),
    [
        (spec_of("cross_entropy"), 1, "loss 'cross_entropy' predicts classes, but the targets of diabetes are numbers"),
        (spec_of(outputs=3), 2, "must start with its 10 inputs and end with its 2 numbers"),
    ],
)
def test_what_does_not_fit_is_refused(spec, columns, message):
    with pytest.raises(InputError, match=message) as caught:
        run([study.Arm("net", spec)], diabetes(columns))
    assert "\n" not in str(caught.value)


def test_two_classes_may_share_one_output():
    """Binary cross-entropy with one output trains a circle's inside from its outside."""
    circle = data.load("toy_circle")
    spec = RunSpec(
        MLPSpec((2, 32, 1)),
        data=DataSpec(preprocessing="none", batch_size=25),
        loss=LossSpec("binary_cross_entropy", class_weights="balanced"),
        epochs=20,
    )
    final = run([study.Arm("net", spec, Hyper(learning_rate=2e-2))], circle, seeds=2).final()
    assert (final["test_accuracy"] > 0.9).all()
    with pytest.raises(InputError, match="must start with its 2 inputs and end with its 2 classes, or with 1 output"):
        run([study.Arm("net", replace(spec, mlp=MLPSpec((2, 3))))], circle)
