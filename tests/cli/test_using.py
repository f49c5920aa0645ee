"""`test` and `predict` of nets that `train` does not make: one output for two classes, targets that do not vary."""

import numpy as np
import pandas as pd
import pytest

from jaxmlp import data
from jaxmlp.cli.main import run_jaxmlp_line
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, RunSpec, net_of, save_net, start_run

CLOUDS = data.load("toy_gauss")
ONE_OUTPUT = RunSpec(MLPSpec((2, 1)), DataSpec(preprocessing="none", batch_size=4), LossSpec("binary_cross_entropy"))
OF_NUMBERS = RunSpec(
    MLPSpec((2, 1), initializer="zeros"), DataSpec(preprocessing="none", batch_size=4), LossSpec("squared_error")
)
NUMBERS = data.from_arrays(np.arange(40.0).reshape(20, 2), np.linspace(-1, 1, 20))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty current folder and an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXMLP_CACHE", str(tmp_path / "cache"))


def saved(spec, dataset, **about):
    """The start of a run as net.safetensors."""
    run = start_run(0, dataset, spec=spec, hyper=Hyper())
    net = net_of(run, spec=spec, hyper=Hyper())
    save_net("net.safetensors", net, about)
    return net


def test_a_net_of_one_output_is_tested_and_predicts_two_classes_with_their_probability(capsys):
    net = saved(ONE_OUTPUT, CLOUDS)
    assert run_jaxmlp_line(["test", "net.safetensors", "--dataset", "toy_gauss"]) == 0
    right = np.mean(np.asarray(net.predict(CLOUDS.test_inputs)) == CLOUDS.test_targets)
    assert f"test accuracy on toy_gauss: {right:.2%}" in capsys.readouterr().out
    rows = np.array([[-3, -3], [3, 3], [0, 1]], np.float32)
    pd.DataFrame(rows, columns=["x", "y"]).to_csv("new.csv", index=False)
    assert run_jaxmlp_line(["predict", "net.safetensors", "new.csv"]) == 0
    found = pd.read_csv("new.predictions.csv")
    one = 1 / (1 + np.exp(-np.asarray(net.logits(rows), np.float64)[:, 0]))
    np.testing.assert_array_equal(found["prediction"], one > 0.5)
    np.testing.assert_allclose(found["probability"], np.maximum(one, 1 - one), rtol=1e-5)


@pytest.mark.parametrize(("target", "score"), [(0.0, "1.000"), (3.0, "0.000")])
def test_targets_that_do_not_vary_are_explained_where_the_net_is_exact(capsys, target, score):
    saved(OF_NUMBERS, NUMBERS)
    for part, values in (("train", np.linspace(-1, 1, 20)), ("test", np.full(5, target))):
        pd.DataFrame({"a": np.arange(len(values)), "b": 1.5, "t": values}).to_csv(f"{part}.csv", index=False)
    assert run_jaxmlp_line(["test", "net.safetensors", "train.csv", "--test", "test.csv", "--target", "t"]) == 0
    assert f"test R² on train: {score} (n = 5)" in capsys.readouterr().out


def test_a_net_of_numbers_is_not_tested_on_classes(capsys):
    saved(OF_NUMBERS, NUMBERS)
    assert run_jaxmlp_line(["test", "net.safetensors", "--dataset", "toy_gauss"]) == 2
    assert "is of numbers, toy_gauss of classes: give the data it was trained on" in capsys.readouterr().err
