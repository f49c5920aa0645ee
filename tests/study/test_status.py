"""How runs ended, in a study: every case in one block, through checkpoints, and with NaN forbidden."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.evidence.runs import diverged_runs
from jaxmlp.schema import TABLES
from jaxmlp.study.arms import describe_arm, make_run
from jaxmlp.study.blocks import Layout
from jaxmlp.study.checkpoint import find_blocks, save_block
from jaxmlp.study.ends import runs_table
from jaxmlp.study.finished import finish_block
from jaxmlp.study.program import Program
from jaxmlp.training import (
    SCHEDULES,
    DataSpec,
    EvalSpec,
    Hyper,
    OptimizerSpec,
    RunStatus,
    Schedule,
    ScheduleSpec,
)
from tests.study.small import make_spec, run

PUBLISHED = Path(study.__file__).parents[2] / "experiments" / "published"
EPOCHS, STEPS = 4, 6


def lost_from(clock, spec, hyper):
    """The full rate up to an epoch, and from that epoch on one that no float holds for long."""
    epoch = 1 + clock.step // clock.steps_per_epoch
    return jnp.where(epoch.astype(float) >= hyper.number("user.lost_from"), 1e38, 1.0)


def make_arm(name, rate, patience, lost_from):
    spec = make_spec(
        epochs=EPOCHS,
        schedule=ScheduleSpec("lost_from"),
        optimizer=OptimizerSpec("sgd"),
        evaluation=EvalSpec(batch_size=128, early_stopping=True, log_every=4),
    )
    return study.Arm(name, spec, Hyper(learning_rate=rate, stop_patience=patience, user={"lost_from": lost_from}))


NEVER = 99
STILL = 1e-30
"""A rate that moves nothing: no epoch after the first has a lower loss."""

# (rate, patience, first epoch of the rate that no float holds; status, epoch it ended, its last row, its steps).
CASES = {
    "done": (0.1, NEVER, NEVER, "done", EPOCHS, EPOCHS, EPOCHS * STEPS),
    "stopped early": (STILL, 1, NEVER, "stopped early", 2, 2, 2 * STEPS),
    "stopped at the end": (STILL, EPOCHS - 1, NEVER, "done", EPOCHS, EPOCHS, EPOCHS * STEPS),
    "diverged at epoch 1": (0.1, NEVER, 1, "diverged", 1, EPOCHS, EPOCHS * STEPS),
    "diverged at the last": (0.1, NEVER, EPOCHS, "diverged", EPOCHS, EPOCHS, EPOCHS * STEPS),
    "diverged at its stop": (0.1, 1, 2, "diverged", 2, EPOCHS, 2 * STEPS),
}


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def arms():
    """One of each case; the schedule is a row of the table's as long as they are used."""
    SCHEDULES.register("lost_from", Schedule(lost_from, numbers=("user.lost_from",)))
    yield [make_arm(name, *numbers[:3]) for name, numbers in CASES.items()]
    SCHEDULES.remove("lost_from")


@pytest.fixture(scope="module")
def program(digits, arms):
    return Program(arms[0].spec, jax.device_put(digits), Layout(len(arms)))


@pytest.fixture(scope="module")
def block(digits, arms):
    return tuple(make_run(arm, 0, digits.digest) for arm in arms)


def train(program, block, cuts, again=lambda states, clock: states):
    """The finished block of runs trained in pieces that end at these steps, each `again` in between."""
    states, hypers, clock = program.start(block), program.hypers(block), 0
    for cut in cuts:
        states = again(program.advance(states, hypers, clock, cut - clock, 1), cut)
        clock = cut
    states = jax.device_get(program.finish(states, hypers))
    return states, finish_block("study", block, states, "none")


@pytest.fixture(scope="module")
def whole(program, block):
    return train(program, block, [STEPS * epoch for epoch in range(1, EPOCHS + 1)])


@pytest.mark.parametrize("case", CASES)
def test_every_run_of_a_block_has_its_own_end(whole, case):
    *_, status, epoch, last, steps = CASES[case]
    states, finished = whole
    lane = list(CASES).index(case)
    assert RunStatus(int(states.status[lane])).words == status
    assert int(states.ended_epoch[lane]) == epoch
    (said,) = finished.tables["runs"].query("arm == @case").to_dict("records")
    assert (said["status"], said["ended_epoch"], said["seed"]) == (status, epoch, 0)
    rows = finished.tables["epochs"].query("arm == @case")
    assert rows["epoch"].tolist() == [*range(last + 1)]
    lost = rows["epoch"] >= epoch if status == "diverged" else rows["epoch"] < 0
    assert (rows["diverged"] == lost).all()
    assert (rows["train_loss"].isna() == lost | (rows["epoch"] == 0)).all()
    assert (rows["val_loss"].isna() == lost).all()
    assert (rows["test_accuracy"].notna() == (rows["epoch"] == last)).all()
    assert (rows["test_loss"].notna() == (rows["epoch"] == last) & ~lost).all()
    windows = finished.tables["steps"].query("arm == @case")
    assert windows["step"].tolist() == [*range(4, steps + 1, 4)]


@pytest.mark.parametrize("cuts", [[6, 12, 18, 24], [4, 6, 9, 12, 14, 18, 23, 24]])
def test_checkpoints_lose_no_status(program, block, whole, tmp_path, cuts):
    def restored(states, clock):
        save_block(tmp_path, block, program.layout, clock, jax.device_get(states))
        (saved,) = find_blocks(tmp_path)
        return jax.device_put(saved.restore(program.state_shapes), program.device)

    states, finished = train(program, block, cuts, restored)
    np.testing.assert_array_equal(states.status, whole[0].status)
    np.testing.assert_array_equal(states.ended_epoch, whole[0].ended_epoch)
    assert set(finished.tables) == {"epochs", "runs", "steps"}
    for name, table in finished.tables.items():
        pd.testing.assert_frame_equal(table, whole[1].tables[name])


def test_rows_of_before_say_the_same(block, whole):
    arms = {run.arm.name: describe_arm(run.arm) for run in block}
    tables = whole[1].tables
    pd.testing.assert_frame_equal(runs_table(tables["epochs"], arms), tables["runs"])


@pytest.mark.parametrize(("experiment", "lost"), [("learning_rate", 42), ("initialization", 0)])
def test_a_published_study_tells_how_its_runs_ended(experiment, lost):
    results = study.Results.load(PUBLISHED / experiment)
    assert "runs" not in results.tables
    runs = results.table("runs")
    TABLES["runs"].check(runs)
    assert set(runs["status"]) <= {"done", "diverged"}
    assert (runs["status"] == "diverged").sum() == lost
    assert set(runs.loc[runs["status"] == "diverged", "run_id"]) == set(diverged_runs(results.rows))
    done = runs[runs["status"] == "done"].set_index("run_id")["ended_epoch"]
    assert (done == results.final().set_index("run_id")["epoch"].loc[done.index]).all()


def test_a_study_keeps_how_its_runs_ended_and_a_resumed_one_too(digits, arms, tmp_path):
    out = tmp_path / "s"
    whole = run(arms, digits, seeds=2, out=tmp_path / "whole")
    run(arms[:2], digits, seeds=2, out=out)
    assert study.Results.load(out).tables["runs"]["status"].tolist() == ["done"] * 2 + ["stopped early"] * 2
    # As a study of before would have left it: what is missing is made from its rows.
    (out / "runs.parquet").unlink()
    resumed = run(arms, digits, seeds=2, out=out, resume=True, lanes=None)
    for found in (resumed, study.Results.load(out)):
        pd.testing.assert_frame_equal(found.table("runs"), whole.table("runs"))
        pd.testing.assert_frame_equal(found.rows, whole.rows)
    by_arm = whole.table("runs").groupby("arm")["status"].unique()
    assert {arm: [*words] for arm, words in by_arm.items()} == {arm: [case[3]] for arm, case in CASES.items()}


@pytest.fixture
def no_nan_allowed():
    """`JAX_DEBUG_NANS=True`, in the workers' threads too."""
    jax.config.update("jax_debug_nans", True)
    yield
    jax.config.update("jax_debug_nans", False)


HEALTHY = [
    study.Arm("plain", make_spec()),
    study.Arm(
        "no validation",
        replace(make_spec(), data=DataSpec("none", batch_size=32, train_size=200), evaluation=EvalSpec("last")),
    ),
    study.Arm(
        "all",
        make_spec(
            "batch_norm",
            schedule=ScheduleSpec("cosine", plateau=True),
            evaluation=EvalSpec(batch_size=128, early_stopping=True, log_every=4, validation="d4_shipped"),
        ),
        Hyper(stop_patience=1),
    ),
]


def test_a_healthy_study_makes_no_nan(digits, no_nan_allowed):
    results = run(HEALTHY, digits, seeds=2)
    assert set(results.rows["diverged"]) == {False}


def test_a_study_that_diverges_does_with_nan_forbidden_what_it_is_asked(digits, no_nan_allowed):
    with pytest.raises(Exception, match="nan"):
        run([study.Arm("lost", make_spec(), Hyper(learning_rate=1e30))], digits, seeds=1)
