"""From saved results to pages: what a study kept reaches its figures."""

from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from experiments.lab.base import Experiment
from experiments.lab.session import run_experiment, write_pages
from experiments.lab.timed import RUN_SECONDS, TIMES
from experiments.prediction_mode import PREDICTION_MODE_EXPERIMENT
from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.evidence import Reported, StepCurves
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, RunSpec


def test_a_study_s_own_steps_reach_its_report(tmp_path):
    spec = RunSpec(
        MLPSpec((64, 10)),
        data=DataSpec("none", batch_size=20, train_size=120),
        evaluation=EvalSpec("last", batch_size=256, log_every=2),
        epochs=2,
    )
    about = {"question": "?", "command": "-", "preset": "quick", "epochs": 2, "precision": "float32"}
    arms = [study.Arm("plain", spec, Hyper(learning_rate=0.01))]
    results = study.run(arms, data.load("digits"), seeds=2, name="own", out=tmp_path / "own", about=about)
    figure = StepCurves(("plain",))
    times = pd.DataFrame({"arm": ["plain"], "round": [1], **dict.fromkeys([one.name for one in TIMES.columns], 2.5)})
    replace(results, tables=results.tables | {TIMES.name: times}).save(tmp_path / "own")
    printed = Reported("E-060", "plain", RUN_SECONDS, 1158.0, "doc", table=TIMES.name)
    report = write_pages(
        Experiment("own", "?", (), {}, lambda dataset, preset: arms, figures=(figure,), reported=(printed,)),
        tmp_path / "own",
    )
    assert [one["mean"] for one in report.reported] == [2.5]  # and so does what it measured
    assert len(results.table("steps")) == 12
    ((caption, svg),) = report.figures
    assert caption == figure.caption
    assert "No logged steps" not in svg


def test_what_looks_at_tested_nets_keeps_no_others(tmp_path):
    how = {
        "preset_name": "quick",
        "preset": PREDICTION_MODE_EXPERIMENT.presets["quick"],
        "command": "-",
        "out": tmp_path,
    }
    with pytest.raises(InputError, match="keeps the nets that it tests"):
        run_experiment(
            PREDICTION_MODE_EXPERIMENT, data.load("digits"), console=Console(quiet=True), keep_params="last", **how
        )
    assert list(tmp_path.iterdir()) == []
