"""`why` on tiny data: healthy nets are healthy, a planted fault is named, and what cannot be learned is called that."""

import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from jaxmlp import data, diagnosis, study
from jaxmlp.cli.main import run_jaxmlp_line
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

CLOUDS = data.load("toy_gauss")
PLAIN = RunSpec(
    MLPSpec((2, 8, 2)),
    data=DataSpec(preprocessing="none", batch_size=20),
    optimizer=OptimizerSpec("sgd"),
    epochs=8,
)
"""Two clouds of points, and a net that separates them at a rate of 0.1."""
POINTS = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
SUMS = data.from_arrays(POINTS, POINTS.sum(axis=1) - 1.0, name="sums")
NUMBERS = RunSpec(
    MLPSpec((2, 8, 1)), DataSpec(preprocessing="none", batch_size=20), LossSpec("squared_error"), epochs=20
)


def ask(spec, hyper, dataset=CLOUDS, **how):
    """A question with the fewest seeds, quietly and without a budget."""
    quiet = study.LineDisplay("", Console(quiet=True))
    return diagnosis.why(spec, hyper, dataset, **{"seeds": 12, "budget": 3600.0, "display": quiet} | how)


@pytest.fixture(scope="module")
def slow_net():
    """What is said of the net at a millionth of its rate."""
    return ask(PLAIN, Hyper(learning_rate=1e-7), changes=("usual_rate", "rate_/10", "smaller_start"))


def test_a_healthy_net_is_called_healthy():
    found = ask(PLAIN, Hyper(learning_rate=0.1), changes=("rate_/10",))
    assert (found.status, found.repairs, found.cause) == ("trains", (), None)
    assert str(found).startswith("The net trains: 1")
    assert list(found.tried) == ["rate_/10"]


def test_a_rate_too_small_is_repaired_by_the_usual_one_alone(slow_net):
    assert slow_net.status == "repaired"
    assert slow_net.minimal_sets == [["usual_rate"]]
    assert slow_net.cause == "learning rate"
    assert slow_net.before[0] == 0


def test_the_fault_does_harm_in_a_net_that_trains_without_it(slow_net):
    failures, n = slow_net.repairs[0].but_for
    assert failures >= 11
    assert n == 12


def test_the_seeds_that_judge_had_no_part_in_the_screening(slow_net):
    assert slow_net.repairs[0].effect.n == slow_net.before[1] == 12
    assert slow_net.tried["usual_rate"].n == 8


def test_it_is_written_as_json_and_as_a_page_that_needs_nothing_else(slow_net, tmp_path):
    slow_net.save(tmp_path / "new")
    told = json.loads((tmp_path / "new" / "diagnosis.json").read_text())
    assert (told["trains"], told["learnable"], told["minimal_sets"], told["n"]) == (False, True, [["usual_rate"]], 12)
    assert told["repairs"][0]["options"] == "--learning-rate 0.1"
    page = html.unescape((tmp_path / "new" / "diagnosis.html").read_text())
    assert told["answer"] in page
    assert not re.search(r"<script|<link|src=|https?://(?!www\.w3\.org)", page)
    # A dot for every run that judged: as given, the reference and the repair.
    assert page.count("<circle") == 3 * 12


def test_a_notebook_shows_the_answer_and_the_runs(slow_net):
    shown = slow_net._repr_html_()
    assert "<h1>The net does not train" in shown
    assert "<svg" in shown


def test_labels_at_random_are_nothing_to_learn():
    labels = np.random.default_rng(1).integers(0, 2, len(POINTS))
    found = ask(PLAIN, Hyper(learning_rate=0.1), data.from_arrays(POINTS, labels, name="random"))
    assert found.status == "nothing learnable"
    assert not found.learnable
    assert str(found).startswith("Nothing learnable was found")


def test_a_target_that_never_changes_is_said_without_training():
    constant = CLOUDS.replace(train_targets=np.zeros_like(CLOUDS.train_targets))
    found = ask(PLAIN, Hyper(), constant)
    assert (found.status, found.runs) == ("nothing learnable", 0)
    assert "the target is the same in every row" in str(found)


def test_a_net_that_diverges_is_repaired_by_a_smaller_rate():
    steep = replace(NUMBERS, optimizer=OptimizerSpec("sgd"))
    found = ask(steep, Hyper(learning_rate=3.0), SUMS, changes=("rate_/100", "rate_x10"))
    assert found.status == "repaired"
    assert found.minimal_sets == [["rate_/100"]]
    assert found.symptoms[0].name == "diverged"
    assert found.before[0] == 0


def test_numbers_below_zero_do_not_come_out_of_a_relu():
    sgd = RunSpec(
        MLPSpec((2, 8, 1), output="relu"), NUMBERS.data, NUMBERS.loss, OptimizerSpec("adam"), epochs=NUMBERS.epochs
    )
    found = ask(sgd, Hyper(learning_rate=0.02), SUMS, changes=("no_output_activation", "rate_/10"))
    assert found.minimal_sets == [["no_output_activation"]]
    assert found.cause == "output"
    assert "relu" in found.symptoms[0].sentence


def interrupting(word):
    """A listener that presses Ctrl-C when a stage is announced."""

    def say(line):
        if word in line:
            raise KeyboardInterrupt

    return say


def test_ctrl_c_keeps_what_is_known():
    found = ask(PLAIN, Hyper(learning_rate=1e-7), say=interrupting("Trying"), changes=("usual_rate", "rate_/10"))
    assert found.interrupted
    assert found.status == "undecided"
    assert set(found.not_tried) == {"usual_rate", "rate_/10"}
    assert "It was interrupted" in str(found)


def test_ctrl_c_before_anything_is_known_ends_the_question():
    with pytest.raises(KeyboardInterrupt):
        ask(PLAIN, Hyper(learning_rate=1e-7), say=interrupting("reference"))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"seeds": 5}, "at least 12"),
        ({"budget": 0.0}, "budget is 0"),
        ({"budget": float("inf")}, "budget is inf"),
        ({"changes": ("reul",)}, "unknown change 'reul'"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(how, message):
    with pytest.raises(InputError, match=message):
        ask(PLAIN, Hyper(), **how)


def test_a_net_that_does_not_fit_the_data_is_refused_before_training():
    with pytest.raises(InputError, match="widths"):
        ask(RunSpec(MLPSpec((3, 8, 2)), PLAIN.data), Hyper())


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of 60 rows in the current folder."""
    monkeypatch.chdir(tmp_path)
    rows = ["a,b,kind", *(f"{x:.3f},{y:.3f},{'up' if y > 0 else 'down'}" for x, y in POINTS[:60])]
    (tmp_path / "points.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "3"], "at least 12"),
        (["--budget", "-1"], "budget is -1"),
        (["--budget", "soon"], "soon"),
        (["--compare", "activation=relu,tanh"], "leave it out"),
        (["--target", "absent"], "absent"),
        (["--loss", "squared_error"], "squared_error"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_writes_nothing(table, capsys, options, message):
    assert (
        run_jaxmlp_line(["why", "points.csv", *(["--target", "kind"] if "--target" not in options else []), *options])
        == 2
    )
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert {path.name for path in table.iterdir()} == {"points.csv"}


@pytest.mark.long
def test_the_command_answers_and_leaves_a_page(table, capsys):
    line = ["why", "points.csv", "--target", "kind", "--widths", "8", "--epochs", "30", "--learning-rate", "0.02"]
    assert run_jaxmlp_line([*line, "--seeds", "12"]) == 0
    printed = capsys.readouterr().out
    assert "page: results/why/diagnosis.html" in printed
    assert {path.name for path in (table / "results" / "why").iterdir()} == {"diagnosis.json", "diagnosis.html"}
    assert run_jaxmlp_line([*line, "--seeds", "12"]) == 2
