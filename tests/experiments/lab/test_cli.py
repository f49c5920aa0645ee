"""The command line as a user meets it: files where they belong, and one line for every mistake."""

import json
import re
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from experiments.initialization import INITIALIZATION_ARMS
from experiments.lab.cli import run_experiments_line
from experiments.lab.docs import comparisons
from experiments.lab.forbidden import nets_of_forbidden_starts
from experiments.lab.ledger import load_ledger
from experiments.lab.measured import both
from experiments.lab.propagation import PROPAGATION_STARTS, profiles_of
from experiments.lab.registry import EXPERIMENTS
from jaxmlp import data, training
from jaxmlp.files import write_sealed_json
from jaxmlp.nn import MLPSpec

TINY = ["--seeds", "3", "--epochs", "1"]


def make_light(patch):
    """No compile cache, which is process-wide: what a test set must not outlive it. And few, small nets to measure."""
    patch.setattr("jaxmlp.cli.jax_settings.keep_programs", lambda: None)
    shallow = {arm: one._replace(depth=12) for arm, one in PROPAGATION_STARTS.items()}
    measured = both(profiles_of(shallow, range(12), range(10, 12)), nets_of_forbidden_starts(range(3), (8,)))
    patch.setitem(EXPERIMENTS, "initialization", replace(EXPERIMENTS["initialization"], measured=measured))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty current folder and an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXMLP_CACHE", str(tmp_path / "cache"))
    make_light(monkeypatch)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One tiny finished study."""
    out = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        make_light(patch)
        assert run_experiments_line(["run", "initialization", *TINY, "--out", str(out)]) == 0
    return out


def failing(capsys, *line):
    """Run a wrong command: exit code 2 and one line, returned."""
    assert run_experiments_line(list(line)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


def test_run_leaves_the_documented_files(finished):
    folder = finished / "initialization"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/{f.name}.{kind}" for f in EXPERIMENTS["initialization"].figures for kind in ("svg", "png")}
    records = {"results.parquet", "runs.parquet", "verdicts.json", "beside.json", "manifest.json"}
    measured = {"starts.parquet", "start_growth.parquet", "forbidden.parquet"}
    assert names == records | measured | {"report.html"} | figures
    rows = pd.read_parquet(folder / "results.parquet")
    assert len(rows) == len(INITIALIZATION_ARMS) * 3 * 2  # arms, seeds, epochs 0 and 1
    verdicts = json.loads((folder / "verdicts.json").read_text())
    assert [v["claim"] for v in verdicts] == [claim.id for claim in EXPERIMENTS["initialization"].claims]
    wanted = "claim doc statement verdict kind effect unit delta ci_low ci_high n rule arms factor seeds_needed"
    assert set(f"{wanted} dataset device preset evidence".split()) <= set(verdicts[0])
    assert all(v["preview"] for v in verdicts)
    missing = next(v for v in verdicts if v["claim"] == "C-001")
    assert missing["verdict"] == "not_tested"  # epoch 5 does not exist in this run
    assert "epoch 5" in missing["evidence"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["command"] == "python -m experiments run initialization --seeds 3 --epochs 1 --out DIR"
    assert manifest["finished"]


def test_report_rebuilds_the_same_pages_without_training(finished, tmp_path, monkeypatch, capsys):
    out = shutil.copytree(finished, tmp_path / "out")
    folder = out / "initialization"
    before = {name: (folder / name).read_bytes() for name in ("report.html", "verdicts.json")}
    for name in before:
        (folder / name).unlink()
    monkeypatch.setattr("jaxmlp.study.run", lambda *_, **__: pytest.fail("report trained"))
    for given in (out, folder):
        assert run_experiments_line(["report", str(given)]) == 0
        assert {name: (folder / name).read_bytes() for name in before} == before
    assert "report.html" in capsys.readouterr().out


def test_report_goes_on_past_a_study_that_is_damaged(finished, tmp_path, capsys):
    out = shutil.copytree(finished, tmp_path / "out")
    shutil.copytree(out / "initialization", out / "activations")  # before it in the alphabet
    (out / "activations" / "manifest.json").write_text("{")
    (out / "initialization" / "report.html").unlink()
    assert run_experiments_line(["report", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {out / 'activations' / 'manifest.json'} is damaged")
    assert captured.err.count("\n") == 1
    assert (out / "initialization" / "report.html").is_file()


def test_report_without_a_folder_rebuilds_the_pages_of_what_is_published(finished, home, monkeypatch, capsys):
    published = home / "kept"
    for name in ("results.parquet", "verdicts.json", "manifest.json"):
        (published / "initialization").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(finished / "initialization" / name, published / "initialization" / name)
    before = sorted(published.rglob("*"))
    monkeypatch.setattr("experiments.lab.published.PUBLISHED", published)
    monkeypatch.setattr("jaxmlp.study.run", lambda *_, **__: pytest.fail("report trained"))
    assert run_experiments_line(["report"]) == 0
    out = home / "results" / "published"
    assert (out / "initialization" / "report.html").is_file()
    overview = (out / "overview.html").read_text(encoding="utf-8")
    assert overview.count('<tr id="C-') == len(load_ledger().claims) == 151
    linked = {claim.id for claim in EXPERIMENTS["initialization"].claims}
    assert set(re.findall(r'<a href="initialization/report.html">(C-\d+)</a>', overview)) == linked
    assert sorted(published.rglob("*")) == before
    assert "overview.html" in capsys.readouterr().out


def test_a_second_run_needs_resume_and_then_trains_nothing_twice(finished, home, capsys):
    out = shutil.copytree(finished, home / "out")
    rows = pd.read_parquet(out / "initialization" / "results.parquet")
    line = ["run", "initialization", *TINY, "--out", str(out)]
    assert "exists already: give another --out, or --resume" in failing(capsys, *line)
    assert run_experiments_line([*line, "--resume"]) == 0
    assert "estimate" not in capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_parquet(out / "initialization" / "results.parquet"), rows)


def test_arms_are_chosen_by_name(home):
    assert run_experiments_line(["run", "preprocessing", *TINY, "--arms", "standardize,unit", "--out", "o"]) == 0
    rows = pd.read_parquet("o/preprocessing/results.parquet")
    assert list(rows["arm"].unique()) == ["unit", "standardize"]


def test_arms_have_their_own_precision_where_none_is_chosen(home):
    arms = ["--arms", "d4_float32,d4_bfloat16", *TINY]
    assert run_experiments_line(["run", "precision", *arms, "--out", "o"]) == 0
    rows = pd.read_parquet("o/precision/results.parquet")
    assert rows.groupby("arm")["train_loss"].last().nunique() == 2
    assert json.loads(Path("o/precision/manifest.json").read_text())["precision"] == "float32 and bfloat16"


def test_a_chosen_precision_is_that_of_every_arm(home, capsys):
    failing(capsys, "run", "precision", "--arms", "d4_float32,d4_bfloat16", "--precision", "bfloat16")
    assert (
        run_experiments_line(["run", "preprocessing", *TINY, "--arms", "unit", "--precision", "bfloat16", "--out", "o"])
        == 0
    )
    assert json.loads(Path("o/preprocessing/manifest.json").read_text())["precision"] == "bfloat16"


@pytest.mark.slow
def test_the_tour_runs_from_an_empty_folder_and_prints_its_report(home, monkeypatch, capsys):
    from dataclasses import replace

    tiny = replace(EXPERIMENTS["initialization"].presets["quick"], seeds=3, epochs=1)
    monkeypatch.setitem(
        EXPERIMENTS,
        "initialization",
        replace(EXPERIMENTS["initialization"], presets={"quick": tiny}),
    )
    assert run_experiments_line([]) == 0
    printed = capsys.readouterr().out
    assert "results/tour/report.html" in printed
    for claim in ("C-001", "C-004", "C-005", "C-007"):
        assert claim in printed
        assert claim in Path("results/tour/report.html").read_text()


def test_a_net_of_one_s_own_is_trained_and_reported(home, capsys):
    line = ["train", "--widths", "64,16,10", "--norm", "batch_norm", "--seeds", "2", "--epochs", "3"]
    assert run_experiments_line(line) == 0
    assert "test accuracy of 2 runs: mean" in capsys.readouterr().out
    rows = pd.read_parquet("results/own/results.parquet")
    assert set(rows["epoch"]) == {0, 1, 2, 3}
    assert run_experiments_line(["report", "results/own"]) == 0


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


def test_list_and_claims_name_everything(capsys):
    assert run_experiments_line(["list"]) == 0
    printed = capsys.readouterr().out
    for word in ("initialization", "randn_lr1e-2", "C-007", "E-003", f"{30 * len(INITIALIZATION_ARMS)} runs: 30 seeds"):
        assert word in printed
    assert run_experiments_line(["claims"]) == 0
    printed = capsys.readouterr().out
    assert len(re.findall(r"^ C-\d{3} ", printed, re.MULTILINE)) == 151
    assert run_experiments_line(["claims", "--doc", "D3"]) == 0
    assert capsys.readouterr().out.count(" D3 ") == sum(
        claim.document == "D3" for claim in load_ledger().claims.values()
    )


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


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_idx_folder(folder):
    """Twenty black images of each part, two of every class."""
    folder.mkdir()
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((20, 28, 28)))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(20) % 10)
    return folder


@pytest.mark.parametrize("fault", ["truncated", "not idx", "mismatched"])
def test_bad_image_files_are_one_line_and_write_nothing(home, capsys, fault):
    folder = write_idx_folder(home / "idx")
    images = folder / "train-images-idx3-ubyte"
    if fault == "truncated":
        images.write_bytes(images.read_bytes()[:-5])
    elif fault == "not idx":
        images.write_bytes(b"GIF89a" + bytes(100))
    else:
        write_idx(images, np.zeros((19, 28, 28)))
    line = ["run", "initialization", "--dataset", "mnist", "--data-dir", str(folder)]
    assert "train-" in failing(capsys, *line)
    assert not (home / "results").exists()


def test_a_batch_larger_than_the_data_is_refused(home, capsys, monkeypatch):
    from dataclasses import replace

    huge = replace(EXPERIMENTS["initialization"].presets["quick"], batch_size=5000)
    monkeypatch.setitem(EXPERIMENTS, "initialization", replace(EXPERIMENTS["initialization"], presets={"quick": huge}))
    assert "batch size 5000 is larger than" in failing(capsys, "run", "initialization")
    assert not (home / "results").exists()


def test_previews_are_not_published(finished, capsys):
    assert "is a preview" in failing(capsys, "publish", str(finished / "initialization"))


def test_what_is_published_is_what_the_pages_are_made_of(finished, home, monkeypatch, capsys):
    """All studies of a folder, or none of them where one is a preview."""
    out, published = shutil.copytree(finished, home / "out"), home / "kept"
    monkeypatch.setattr("experiments.lab.published.PUBLISHED", published)
    monkeypatch.setattr("experiments.lab.docs.renew", list)
    shutil.copytree(out / "initialization", out / "norms")
    manifest = json.loads((out / "norms" / "manifest.json").read_text())
    full = manifest | {"preset": "full", "dataset": manifest["dataset"] | {"name": "mnist"}}
    write_sealed_json(out / "norms" / "manifest.json", full)
    assert "initialization is a preview" in failing(capsys, "publish", str(out))
    assert not published.exists()
    assert run_experiments_line(["publish", str(out / "norms")]) == 0
    names = {"manifest.json", "results.parquet", "verdicts.json", "beside.json"}
    assert {path.name for path in (published / "norms").iterdir()} == names | {"checksums.json"}
    assert all((published / "norms" / name).read_bytes() == (out / "norms" / name).read_bytes() for name in names)
    assert (published / "overview.html").is_file()


def test_a_page_counts_the_documents_numbers_that_a_run_of_ours_could_have_shown(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.lab.published.PUBLISHED", tmp_path)
    inside = {"ledger_id": "E-1", "arm": "a", "measure": "final test_accuracy", "unit": "accuracy", "tag": "doc"}
    inside |= {
        "reported": 0.97,
        "mean": 0.975,
        "low": 0.96,
        "high": 0.99,
        "n": 5,
        "agrees": True,
        "missing": None,
        "wide": False,
    }
    outside = inside | {"ledger_id": "E-2", "reported": 0.5, "agrees": False}
    undecided = inside | {"agrees": None}
    without = inside | {"n": 0, "mean": None, "low": None, "high": None, "agrees": None, "missing": "no arm"}
    (tmp_path / "norms").mkdir()
    (tmp_path / "norms" / "beside.json").write_text(json.dumps([inside, inside, outside, undecided, without]))
    text = comparisons()
    assert text.startswith("Of 3 numbers of 2 experiments, 2 lie inside.")
    assert text.endswith("| E-2 | a | final test_accuracy | 50.00 % | 97.50 % | 96.00 % to 99.00 % | 5 |")
