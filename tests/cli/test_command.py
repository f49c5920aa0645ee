"""`jaxmlp` as a user meets it: from a CSV to a tested net and predictions, and one line for every mistake."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from jaxmlp import data, training
from jaxmlp.cli.main import run_jaxmlp_line
from tests.data.test_bad_data import FILES

IRIS = load_iris()
FRAME = pd.DataFrame(IRIS.data, columns=["sl", "sw", "pl", "pw"]).assign(kind=IRIS.target_names[IRIS.target])
TRAIN = ["train", "iris.csv", "--target", "kind", "--seeds", "2", "--epochs", "15", "--learning-rate", "0.01"]


def make_home(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A current folder with the iris in it, an empty cache, and no compile cache that a test would set for all."""
    folder.mkdir(exist_ok=True)
    patch.chdir(folder)
    patch.setenv("JAXMLP_CACHE", str(folder.parent / "cache"))
    FRAME.to_csv("iris.csv", index=False)
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    return make_home(tmp_path / "home", monkeypatch)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which the iris was trained on, and what was printed."""
    with pytest.MonkeyPatch.context() as patch:
        folder = make_home(tmp_path_factory.mktemp("trained") / "home", patch)
        printed = []
        patch.setattr("rich.console.Console.print", lambda self, *words, **_: printed.append(" ".join(map(str, words))))
        assert run_jaxmlp_line(TRAIN) == 0
    return folder, printed


def failing(capsys, *line):
    """Run a wrong command: exit code 2 and one line, returned."""
    assert run_jaxmlp_line(list(line)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_csv_becomes_a_tested_net_with_a_page(trained):
    folder, printed = trained
    assert printed[0].startswith(
        "iris: 120 rows to train and 30 held out (stratified) for the test, 4 inputs, 3 classes"
    )
    assert printed[1].startswith("own: net 4-100-3, relu, cross_entropy, adam at 0.01, batches of 12, 15 epochs")
    (line,) = [line for line in printed if line.startswith("test accuracy of 2 runs: mean")]
    assert float(line.split("mean ")[1].split("%")[0]) > 80
    own = folder / "results" / "own"
    assert {path.name for path in own.iterdir()} == {
        "figures",
        "manifest.json",
        "net.safetensors",
        "nets",
        "report.html",
        "results.parquet",
        "runs.parquet",
        "spec.toml",
    }
    manifest = json.loads((own / "manifest.json").read_text())
    assert manifest["command"].startswith("jaxmlp train iris.csv --target kind --seeds 2")
    assert "How does this net train?" in (own / "report.html").read_text()


def test_the_spec_beside_a_result_repeats_it(trained, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(folder)
    spec = tomllib.loads((folder / "results/own/spec.toml").read_text())
    assert (spec["data"], spec["widths"], spec["epochs"]) == (str(folder / "iris.csv"), [4, 100, 3], 15)
    (program,) = json.loads((folder / "results/own/manifest.json").read_text())["programs"]
    assert (spec["lanes"], spec["strategy"]) == (program["lanes"], program["strategy"])
    assert run_jaxmlp_line(["train", "--spec", "results/own/spec.toml", "--out", "again"]) == 0
    first, again = (pd.read_parquet(f"{out}/own/results.parquet") for out in ("results", "again"))
    pd.testing.assert_frame_equal(first, again)


def test_new_rows_are_predicted_to_a_csv_in_the_table_s_own_words(trained, monkeypatch, capsys):
    folder, _ = trained
    monkeypatch.chdir(folder)
    new = FRAME[["pw", "pl", "sw", "sl"]].assign(note="kept")[::10]  # other order, a column that is no input
    new.to_csv("new.csv", index=False)
    assert run_jaxmlp_line(["predict", "results/own/net.safetensors", "new.csv"]) == 0
    found = pd.read_csv("new.predictions.csv")
    assert list(found) == ["pw", "pl", "sw", "sl", "note", "prediction", "probability"]
    assert (found["prediction"] == FRAME["kind"][::10].to_numpy()).mean() > 0.8
    net = training.load_net("results/own/net.safetensors")
    direct = np.asarray(net.predict(IRIS.data[::10].astype(np.float32)))
    np.testing.assert_array_equal(found["prediction"], IRIS.target_names[direct])
    assert found["probability"].between(1 / 3, 1).all()
    assert "exists already" in failing(capsys, "predict", "results/own/net.safetensors", "new.csv")
    FRAME[["sl", "sw"]].to_csv("few.csv", index=False)
    assert "few.csv have no column 'pl'" in failing(capsys, "predict", "results/own/net.safetensors", "few.csv")
    FRAME.replace({"pl": {1.4: np.nan}}).to_csv("gaps.csv", index=False)
    assert "column 'pl' has 13 missing" in failing(capsys, "predict", "results/own/net.safetensors", "gaps.csv")
    assert not Path("few.predictions.csv").exists()


def test_a_net_is_tested_on_its_own_data_alone(trained, monkeypatch, capsys):
    folder, _ = trained
    monkeypatch.chdir(folder)
    net = "results/own/net.safetensors"
    assert run_jaxmlp_line(["test", net, "iris.csv"]) == 0  # the target is the net's
    assert "test accuracy on iris: " in capsys.readouterr().out
    assert not Path("results/own/net.svg").exists()
    assert "has 13 and 3: give the data it was trained on" in failing(capsys, "test", net, "--dataset", "wine")
    FRAME.rename(columns={"sl": "length"}).to_csv("other.csv", index=False)
    assert "was trained with columns sl, sw, pl, pw" in failing(capsys, "test", net, "other.csv")
    assert "has no images to draw" in failing(capsys, "test", net, "iris.csv", "--out", "x.svg")


def test_numbers_are_trained_tested_and_predicted(home, capsys):
    line = ["train", "--dataset", "diabetes", "--preprocessing", "z_score", "--seeds", "2", "--epochs", "60"]
    assert run_jaxmlp_line([*line, "--learning-rate", "0.03", "--widths", "16"]) == 0
    printed = capsys.readouterr().out
    assert "a number from 25 to 346 to predict" in printed
    assert "net 10-16-1, relu, squared_error" in printed
    assert float(printed.split("test R² of 2 runs: mean ")[1].split(",")[0]) > 0.2
    assert run_jaxmlp_line(["test", "results/own/net.safetensors", "--dataset", "diabetes"]) == 0
    assert "test R² on diabetes: " in capsys.readouterr().out
    load_diabetes(as_frame=True).data.head(5).to_csv("new.csv", index=False)
    assert run_jaxmlp_line(["predict", "results/own/net.safetensors", "new.csv"]) == 0
    predicted = pd.read_csv("new.predictions.csv")["prediction"]
    assert predicted.between(0, 400).all()
    assert predicted.std() > 1


def test_a_net_is_checked_before_training(home, capsys):
    """0 where it can learn, 1 where it cannot, and nothing is written."""
    line = ["check", "iris.csv", "--target", "kind", "--widths", "16", "--learning-rate", "0.01"]
    assert run_jaxmlp_line(line) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "own: net 4-16-3, relu, cross_entropy, adam at 0.01" in printed
    assert "pass gradient check relative error" in printed
    assert printed.endswith("0 failed")
    assert run_jaxmlp_line([*line, "--initializer", "zeros"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "fail answers 1 different answers to 96 rows" in printed
    assert [path.name for path in home.iterdir()] == ["iris.csv"]


def test_values_of_an_option_are_compared_in_pairs(home, capsys):
    line = ["train", "--dataset", "iris", "--compare", "activation=relu,tanh", "--seeds", "3", "--epochs", "2"]
    assert run_jaxmlp_line(line) == 0
    printed = capsys.readouterr().out
    assert "activation relu: test accuracy of 3 runs: mean" in printed
    assert "activation tanh minus activation relu: " in printed
    assert "points, 95 % interval" in printed
    assert "(3 pairs)" in printed
    assert "Which activation trains better?" in Path("results/own/report.html").read_text()
    assert len(list(Path("results/own/nets").iterdir())) == 6


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["train", "iris.csv"], "say which one is the target"),
        (["train", "iris.csv", "--target", "kinds"], "has no column 'kinds'"),
        (["train", "iris.cvs", "--target", "kind"], "unknown dataset 'iris.cvs'"),
        (["train", "nowhere.csv", "--target", "kind"], "there is no file"),
        (["train", "--dataset", "irsi"], "did you mean iris?"),
        (["train", "iris.csv", "--dataset", "iris"], "give one of them"),
        (["train", "--dataset", "iris", "--target", "kind"], "'iris' is known by name and takes no target"),
        (["train", "iris.csv", "--target", "sl"], "column 'kind' is text ('setosa' in row 0 of 0 to 149)"),
        (["train", "iris.csv", "--target", "kind", "--preprocessing", "unit"], "choose one of none, z_score"),
        (["train", "iris.csv", "--target", "kind", "--split", "half"], "unknown split 'half'"),
        (["train", "iris.csv", "--target", "kind", "--holdout", "fold"], "unknown holdout 'fold'"),
        (["train", "iris.csv", "--target", "kind", "--test", "none.csv"], "there is no file"),
        (["train", "iris.csv", "--target", "kind", "--compare", "activation=relu"], "at least two different values"),
        (["train", "iris.csv", "--target", "kind", "--spec", "none.toml"], "cannot read"),
        (["train", "iris.csv", "--target", "kind", "--epochs", "x"], "invalid int value: 'x'"),
        (["check", "iris.csv"], "say which one is the target"),
        (["check", "--dataset", "iris", "--compare", "norm=none,batch_norm"], "check one net at a time"),
        (
            ["check", "--dataset", "iris", "--norm", "batch_norm", "--batch-size", "1"],
            "one row is its own mean",
        ),
        (["predict", "none.safetensors", "iris.csv"], "none.safetensors is no file"),
        (["predict", "none.safetensors"], "the following arguments are required: DATA"),
        (["predict", "none.safetensors", "iris.csv", "--out", "x.txt"], "predictions are a CSV"),
        (["explain"], "invalid choice: 'explain'"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(home, capsys, line, message):
    assert message in failing(capsys, *line)
    assert [path.name for path in home.iterdir()] == ["iris.csv"]


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("an option for a name", "an unknown name")])
def test_bad_files_are_one_line_on_the_command_line_too(home, capsys, name):
    write, options, _ = FILES[name]
    (home.parent / "data").mkdir()
    line = ["train", str(write(home.parent / "data"))]
    for option, value in options.items():
        line += [f"--{option}", ",".join(value) if isinstance(value, list) else value]
    failing(capsys, *line)
    assert [path.name for path in home.iterdir()] == ["iris.csv"]


def as_program(*words):
    """Run Python from the tree's root, where nothing is written."""
    place = Path(__file__).parents[2]
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=place)


def test_mistakes_are_answered_before_anything_slow_is_loaded():
    code = "import sys; from jaxmlp.cli.main import run_jaxmlp_line as run; run(['train', '--nothing']); "
    code += "print(sorted(sys.modules))"
    done = as_program("-c", code)
    assert "jaxmlp.cli.main" in done.stdout
    assert not {"'jax'", "'pandas'", "'sklearn'"} & set(done.stdout.strip("[]\n").split(", "))


def test_it_is_a_program():
    assert as_program("-m", "jaxmlp", "--version").stdout.startswith("jaxmlp 0.")
    done = as_program("-m", "jaxmlp", "fly")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: argument COMMAND: invalid choice: 'fly'")


def test_every_name_that_load_knows_is_offered(capsys):
    with pytest.raises(SystemExit):
        run_jaxmlp_line(["train", "--help"])
    help_text = capsys.readouterr().out
    assert "--learning-rate" in help_text
    assert data.DATASETS[0] in help_text
