"""The command line as a user meets it: files where they belong, nothing trained twice, and what is published."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from experiments.initialization import INITIALIZATION_ARMS
from experiments.lab.cli import run_experiments_line
from experiments.lab.docs import comparisons
from experiments.lab.ledger import load_ledger
from experiments.lab.published import claim_rows
from experiments.lab.registry import EXPERIMENTS
from jaxmlp.evidence import VERDICTS
from jaxmlp.files import write_sealed_json
from tests.experiments.lab.lines import TINY, failing, make_light

FEW = ["--arms", "randn,randn_lr1e-2,he_normal,he_uniform"]
"""Those arms of `initialization` that figures are of: each start is a program to compile."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One tiny finished study."""
    out = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        make_light(patch)
        assert run_experiments_line(["run", "initialization", *FEW, *TINY, "--out", str(out)]) == 0
    return out


def test_run_leaves_the_documented_files(finished):
    folder = finished / "initialization"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/{f.name}.{kind}" for f in EXPERIMENTS["initialization"].figures for kind in ("svg", "png")}
    records = {"results.parquet", "runs.parquet", "verdicts.json", "beside.json", "manifest.json"}
    measured = {"starts.parquet", "start_growth.parquet", "forbidden.parquet"}
    assert names == records | measured | {"report.html"} | figures
    rows = pd.read_parquet(folder / "results.parquet")
    assert len(rows) == 4 * 3 * 2  # arms, seeds, epochs 0 and 1
    verdicts = json.loads((folder / "verdicts.json").read_text())
    assert [v["claim"] for v in verdicts] == [claim.id for claim in EXPERIMENTS["initialization"].claims]
    wanted = "claim doc statement verdict kind effect unit delta ci_low ci_high n rule arms factor seeds_needed"
    assert set(f"{wanted} dataset device preset evidence".split()) <= set(verdicts[0])
    assert all(v["preview"] for v in verdicts)
    missing = next(v for v in verdicts if v["claim"] == "C-001")
    assert missing["verdict"] == "not_tested"  # epoch 5 does not exist in this run
    assert "epoch 5" in missing["evidence"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["command"] == " ".join(["python -m experiments run initialization", *FEW, *TINY, "--out DIR"])
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
    line = ["run", "initialization", *FEW, *TINY, "--out", str(out)]
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


@pytest.mark.long
def test_the_tour_runs_from_an_empty_folder_and_prints_its_report(home, monkeypatch, capsys):

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
    of_each = {}
    for verdict in VERDICTS:
        assert run_experiments_line(["claims", "--verdict", verdict]) == 0
        of_each[verdict] = re.findall(r"^ (C-\d{3}) ", capsys.readouterr().out, re.MULTILINE)
    assert {claim: verdict for verdict, claims in of_each.items() for claim in claims} == {
        row["claim"]: row["verdict"] for row in claim_rows()
    }


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
