"""The command line where a user mistakes something, and where a saved net is tested: one line, and nothing is left."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments.lab.cli import run_experiments_line
from experiments.lab.registry import EXPERIMENTS
from jaxmlp import data, training
from jaxmlp.nn import MLPSpec
from tests.data.idx_files import NAMES, idx_bytes, write_set
from tests.experiments.lab.lines import failing


@pytest.fixture
def net(home):
    """An untrained net for the digits in the current folder, and its test accuracy."""
    mlp = MLPSpec((64, 16, 10), norm="batch_norm")
    spec, digits = training.RunSpec(mlp), jax.device_put(data.load("digits"))
    run = training.init_run(0, digits, spec=spec, hyper=training.Hyper())
    tested = training.end_run(run, digits, spec=spec, hyper=training.Hyper()).history["test_accuracy"][-1]
    trained = training.trained_net(run, spec=spec, hyper=training.Hyper())
    training.save_net("net.safetensors", trained, {"dataset": "digits"})
    return f"{float(tested):.2%}"


def test_a_saved_net_is_tested_and_shown(net, home, capsys):
    assert run_experiments_line(["test", "net.safetensors"]) == 0
    printed = capsys.readouterr().out
    assert f"test accuracy on digits: {net} (n = 355)" in printed
    assert printed.endswith(f": {home / 'net.svg'}\n")
    assert b" of 10 right" in (home / "net.svg").read_bytes()
    other = ["test", "net.safetensors", "--dataset", "digits", "--seed", "1", "--out", "ten.svg"]
    assert run_experiments_line(other) == 0
    again = capsys.readouterr().out
    assert f"{net} (n = 355)" in again
    assert again.splitlines()[1].split(":")[0] != printed.splitlines()[1].split(":")[0]  # other images
    assert sorted(path.name for path in home.iterdir()) == ["net.safetensors", "net.svg", "ten.svg"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["net.safetensors", "--dataset", "cifar"], "unknown dataset 'cifar': choose one of digits, xor"),
        (["net.safetensors", "--out", "nowhere/ten.svg"], "nowhere is not a folder this user may write to"),
        (["net.safetensors", "--out", "ten.png"], "ten.png: the picture is an SVG file"),
        (["net.safetensors", "--seed", "-1"], "--seed: '-1' is not an integer from 0 to 2**31 - 1"),
        (["net.safetensors", "--data-dir", "."], "dataset 'digits' is built in"),
        (["net.safetensors", "--dataset", "mnist", "--data-dir", "idx"], "64 inputs to 10 classes, mnist has 784 and"),
        (["other.safetensors"], "other.safetensors is no file: give one that save_net wrote"),
        (["idx/t10k-labels-idx1-ubyte"], "is no readable safetensors file"),
        ([], "the following arguments are required: NET.safetensors"),
    ],
)
def test_a_net_that_cannot_be_tested_is_one_line_and_writes_nothing(net, home, capsys, line, message):
    write_idx_folder(home / "idx")
    assert message in failing(capsys, "test", *line)
    assert [path for path in home.rglob("*") if path.suffix in (".svg", ".png")] == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["run"], "the following arguments are required: NAME"),
        (["run", "initialisation"], "unknown experiment 'initialisation': choose one of initialization"),
        (["run", "initialization", "--dataset", "cifar"], "unknown dataset 'cifar': choose one of digits, mnist"),
        (["run", "initialization", "--preset", "huge"], "unknown preset 'huge': choose one of quick, full"),
        (["run", "initialization", "--arms", "he"], "unknown arm 'he': choose one of randn, randn_lr1e-2"),
        (["run", "initialization", "--precision", "int8"], "unknown precision 'int8'"),
        (["run", "initialization", "--seeds", "0"], "--seeds: '0' is not a positive integer"),
        (["run", "initialization", "--seeds", "nan"], "--seeds: 'nan' is not a positive integer"),
        (["run", "initialization", "--epochs", "-3"], "--epochs: '-3' is not a positive integer"),
        (["run", "initialization", "--lanes", "x"], "--lanes: 'x' is not a positive integer"),
        (["run", "initialization", "--data-dir", "."], "digits"),
        (["run", "initialization", "--dataset", "mnist", "--data-dir", "nowhere"], "nowhere"),
        (["train", "--activation", "swoosh"], "unknown activation 'swoosh': choose one of sigmoid, tanh, relu"),
        (["train", "--widths", "784,a,10"], "widths '784,a,10': give integers"),
        (["train", "--widths", "64,0,10"], "at least two positive integers"),
        (["train", "--widths", "784,100,10"], "must start with its 64 inputs"),
        (["train", "--batch-size", "5000"], "batch size 5000 is larger than the training part of"),
        (["train", "--batch-size", "-1"], "batch size is -1: give a positive integer"),
        (["train", "--learning-rate", "nan"], "learning rate is nan: give a number above 0"),
        (["train", "--learning-rate", "-0.1"], "learning rate is -0.1"),
        (["train", "--learning-rate", "fast"], "--learning-rate: invalid float value: 'fast'"),
        (["train", "--preprocessing", "none"], "'none'"),
        (["train", "--optimizer", "magic"], "unknown optimizer 'magic': choose one of sgd, momentum"),
        (["report", "nowhere"], "nowhere holds no finished study"),
        (["publish", "nowhere"], "nowhere holds no finished study"),
        (["run", "initialization", "--strategy", "scan"], "unknown strategy 'scan': choose one of vmap, map"),
        (["run", "initialization", "--checkpoint-minutes", "-1"], "checkpoint minutes are -1: give 0"),
        (["run", "initialization", "--keep-params", "all"], "unknown keep_params 'all': choose one of none, best"),
        (["run", "initialization", "--processes", "2"], "--processes and --process-id need --coordinator"),
        (["run", "initialization", "--coordinator", "auto"], "--coordinator"),
        (["run", "initialization", "--coordinator", "localhost:99", "--processes", "2"], "--process-id"),
        (["benchmark", "size"], "unknown benchmark 'size': choose one of startup, rows, speed"),
        (["claims", "--doc", "D7"], "unknown document 'D7': choose one of D0, D1, D2, D3, D4"),
        (["claims", "--verdict", "right"], "unknown verdict 'right': choose one of reproduced, refuted"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(home, capsys, line, message):
    assert message in failing(capsys, *line)
    assert [path.name for path in home.iterdir()] == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["train", "--ou", "somewhere"], "unrecognized arguments: --ou"),
        (["train", "--out", "~nobody_of_this_name/x"], "no path here"),
        (["test", ""], "no path"),
        (["publish", "a\0b"], "no path"),
    ],
)
def test_paths_and_options_have_one_name(home, capsys, line, message):
    assert message in failing(capsys, *line)
    assert list(home.iterdir()) == []


def test_a_home_folder_is_found_and_told(home, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(home / "me"))
    line = ["train", "--out", "~/studies", "--widths", "64,4,10", "--seeds", "1", "--epochs", "1"]
    assert run_experiments_line(line) == 0
    assert (home / "me" / "studies" / "own" / "manifest.json").is_file()
    assert not (home / "~").exists()
    assert str(home / "me" / "studies" / "own" / "report.html") in capsys.readouterr().out


def test_an_out_that_cannot_be_written_is_refused(home, capsys):
    (home / "file").write_text("")
    assert "cannot write to" in failing(capsys, "run", "initialization", "--out", "file")


def write_idx_folder(folder):
    """Twenty black images of each part, two of every class."""
    parts = {name: np.zeros((20, 28, 28)) if "images" in name else np.arange(20) % 10 for name in NAMES}
    return write_set(folder, parts, gz=False)


@pytest.mark.parametrize("fault", ["truncated", "not idx", "mismatched"])
def test_bad_image_files_are_one_line_and_write_nothing(home, capsys, fault):
    folder = write_idx_folder(home / "idx")
    images = folder / "train-images-idx3-ubyte"
    if fault == "truncated":
        images.write_bytes(images.read_bytes()[:-5])
    elif fault == "not idx":
        images.write_bytes(b"GIF89a" + bytes(100))
    else:
        images.write_bytes(idx_bytes(np.zeros((19, 28, 28))))
    line = ["run", "initialization", "--dataset", "mnist", "--data-dir", str(folder)]
    assert "train-" in failing(capsys, *line)
    assert not (home / "results").exists()


def test_a_batch_larger_than_the_data_is_refused(home, capsys, monkeypatch):

    huge = replace(EXPERIMENTS["initialization"].presets["quick"], batch_size=5000)
    monkeypatch.setitem(EXPERIMENTS, "initialization", replace(EXPERIMENTS["initialization"], presets={"quick": huge}))
    assert "batch size 5000 is larger than" in failing(capsys, "run", "initialization")
    assert not (home / "results").exists()
