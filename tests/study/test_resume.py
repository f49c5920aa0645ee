"""Studies that go on: what is kept is not trained again, whatever was asked before and wherever it was stopped."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.study.checkpoint import find_blocks
from jaxmlp.study.plan import Machine
from jaxmlp.study.workers import Workers
from jaxmlp.training import Hyper
from tests.study.small import STEP_BY_STEP, OneStepChunks, Silent, make_spec, run


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture
def trained(monkeypatch):
    """Ids of all runs that a test trains, block by block."""
    blocks, original = [], Workers._train

    def counted(self, program, job):
        blocks.append([run.run_id for run in job.block])
        return original(self, program, job)

    monkeypatch.setattr(Workers, "_train", counted)
    return blocks


def test_resume_trains_only_what_is_missing_and_reuses_w(digits, tmp_path, trained):
    out = tmp_path / "s"
    arms = [study.Arm("a", make_spec()), study.Arm("b", make_spec(), Hyper(learning_rate=0.01))]
    whole = run(arms, digits, seeds=5, lanes=2)
    trained.clear()
    run(arms[:1], digits, seeds=2, lanes=2, out=out)
    resumed = run(arms, digits, seeds=5, lanes=None, out=out, resume=True)
    ids = [run_id for block in trained for run_id in block]
    assert len(ids) == len(set(ids)) == 10
    assert all(len(block) == 2 for block in trained)
    pd.testing.assert_frame_equal(resumed.rows, whole.rows.assign(experiment="study"))
    trained.clear()
    again = run(arms, digits, seeds=5, lanes=None, out=out, resume=True)
    assert trained == []
    pd.testing.assert_frame_equal(again.rows, resumed.rows)
    pd.testing.assert_frame_equal(study.Results.load(out).rows, resumed.rows)


def test_fewer_seeds_or_arms_later_lose_nothing(digits, tmp_path):
    out = tmp_path / "s"
    arms = [study.Arm("a", make_spec()), study.Arm("b", make_spec("batch_norm"))]
    whole = run(arms, digits, seeds=3, out=out)
    fewer = run(arms[1:], digits, seeds=1, out=out, resume=True, lanes=None)
    pd.testing.assert_frame_equal(fewer.rows, whole.rows)
    assert fewer.manifest["seeds"] == [0, 1, 2]
    assert list(fewer.manifest["arms"]) == ["a", "b"]


def test_the_manifest_tells_of_the_sittings_that_trained(digits, tmp_path):
    arms, out = [study.Arm("a", make_spec())], tmp_path / "s"

    def sit(commit, seeds):
        return run(arms, digits, seeds=seeds, out=out, resume=commit != "first", lanes=None, about={"commit": commit})

    first = sit("first", 2).manifest
    assert [sitting["commit"] for sitting in first["sittings"]] == ["first"]
    # Nothing was trained: started, commit and seconds stay those of the runs, on disk too.
    assert sit("second", 1).manifest == first
    assert study.Results.load(out).manifest == first
    third = sit("third", 3).manifest
    assert third["commit"] == "third"
    assert [sitting["commit"] for sitting in third["sittings"]] == ["first", "third"]


def test_other_data_is_another_study(digits, tmp_path):
    run([study.Arm("a", make_spec())], digits, out=tmp_path / "s")
    other = digits.replace(train_targets=np.asarray(digits.train_targets)[::-1], name="other digits")
    with pytest.raises(InputError, match="a study of digits with other data"):
        run([study.Arm("a", make_spec())], other, out=tmp_path / "s", resume=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_finished_blocks_and_checkpoints_the_one_in_training(digits, tmp_path, trained, number):
    out = tmp_path / "s"
    arms = [study.Arm("a", make_spec("batch_norm"))]
    whole = run(arms, digits, seeds=6, lanes=2, machine=STEP_BY_STEP)
    trained.clear()
    seventh_steps = []

    class Interrupted(OneStepChunks):
        def advance(self, states, hypers, clock, count, repeats):
            seventh_steps.extend([1] * (clock == 6 and "cost" in self.__dict__))
            if clock == 6 and len(seventh_steps) == 3:  # in the third block's second epoch
                os.kill(os.getpid(), number)
                time.sleep(0.5)  # the main thread hears it
            return super().advance(states, hypers, clock, count, repeats)

    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(arms, digits, seeds=6, lanes=2, out=out, machine=Machine(program=Interrupted))
    assert stopped.value.args == (number,)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert not study.Results.saved_in(out)
    assert len(list((out / "blocks").glob("*.parquet"))) == 2
    (saved,) = find_blocks(out / "checkpoints")
    assert saved.clock == 7  # an epoch has 6 steps
    display = Silent()
    run(arms, digits, seeds=6, lanes=None, out=out, resume=True, display=display, machine=STEP_BY_STEP)
    assert len(trained) == 4  # the third block twice
    assert min(status.epoch for status in display.states) >= 1  # but not from its beginning
    assert sum(status.run_epochs for status in display.states[-1:]) <= 4
    pd.testing.assert_frame_equal(study.Results.load(out).rows, whole.rows)
    assert not (out / "blocks").exists()
    assert not (out / "checkpoints").exists()


def test_a_folder_that_is_taken_or_of_another_study_is_refused(digits, tmp_path):
    out = tmp_path / "s"
    arms = [study.Arm("a", make_spec())]
    run(arms, digits, out=out)
    before = (out / "results.parquet").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        run(arms, digits, out=out)
    with pytest.raises(InputError, match="holds arm 'a' with other settings"):
        run([study.Arm("a", make_spec(epochs=4))], digits, out=out, resume=True)
    with pytest.raises(InputError, match="begun with 4 lanes"):
        run(arms, digits, out=out, resume=True, lanes=3, seeds=5)
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "notes.txt").write_text("of somebody")
    with pytest.raises(InputError, match="is no study's folder"):
        run(arms, digits, out=tmp_path / "else", resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        run(arms, digits, out=tmp_path / "file" / "s")
    assert (out / "results.parquet").read_bytes() == before
