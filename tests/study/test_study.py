"""Studies: the same run gives the same bits whatever runs beside it and however it is cut or resumed."""

import os
import signal
import time
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.study.arms import make_run
from jaxmlp.study.blocks import Layout, fill_evenly, make_groups, padded
from jaxmlp.study.checkpoint import find_blocks
from jaxmlp.study.program import Program
from jaxmlp.study.workers import Workers
from jaxmlp.training import METRICS, DataSpec, EvalSpec, Hyper, RunSpec
from jaxmlp.training import step as step_module

WIDTHS = (64, 12, 10)


def make_spec(norm="none", **kwargs):
    return RunSpec(
        MLPSpec(WIDTHS, norm=norm),
        data=DataSpec(batch_size=32, train_size=200),
        **({"epochs": 3, "evaluation": EvalSpec(batch_size=128)} | kwargs),
    )


class Silent:
    """A display that keeps what it was told."""

    def __init__(self):
        self.lines, self.states = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def say(self, message):
        self.lines.append(message)

    def show(self, status):
        self.states.append(status)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def run(arms, digits, **kwargs):
    return study.run(arms, digits, **({"seeds": 3, "lanes": 4, "display": Silent()} | kwargs))


def numbers(rows, arm, seeds):
    """[S, E + 1] of every metric of one arm, NaN kept."""
    chosen = rows[(rows["arm"] == arm) & rows["seed"].isin(seeds)]
    return {m: chosen.pivot(index="seed", columns="epoch", values=m).to_numpy(float) for m in METRICS}


def assert_same_bits(a, b):
    for metric in METRICS:
        np.testing.assert_array_equal(a[metric], b[metric], err_msg=metric)


@pytest.mark.parametrize("norm", ["none", "batch_norm"])
def test_seeds_are_the_same_bits_in_a_larger_study_beside_other_arms(digits, norm):
    small = run([study.Arm("plain", make_spec(norm))], digits, seeds=3)
    others = [
        study.Arm("fast", make_spec(norm), Hyper(learning_rate=0.05)),
        study.Arm("plain", make_spec(norm)),
        study.Arm("other net", RunSpec(MLPSpec((64, 5, 10)), data=DataSpec(batch_size=32), epochs=2)),
        study.Arm("lost", make_spec(norm), Hyper(learning_rate=1e30)),
    ]
    large = run(others, digits, seeds=10)
    assert_same_bits(numbers(small.rows, "plain", range(3)), numbers(large.rows, "plain", range(3)))
    assert large.rows.loc[large.rows["arm"] == "lost", "diverged"].any()  # the NaN neighbours were real


def test_a_diverged_run_has_nan_losses_and_chance_accuracy_from_then_on(digits):
    arms = [study.Arm("sane", make_spec()), study.Arm("lost", make_spec(), Hyper(learning_rate=1e30))]
    rows = run(arms, digits).rows
    lost, sane = (rows[rows["arm"] == arm] for arm in ("lost", "sane"))
    gone = lost[lost["diverged"]]
    assert set(gone["epoch"]) >= {2, 3}
    assert gone["train_loss"].isna().all()
    assert gone["val_loss"].isna().all()
    assert (gone[["train_accuracy", "val_accuracy"]].to_numpy() == np.float32(0.1)).all()
    assert (lost.loc[lost["epoch"] == 3, "test_accuracy"] == np.float32(0.1)).all()
    assert not sane["diverged"].any()
    assert sane.loc[sane["epoch"] > 0, "train_loss"].notna().all()


def test_any_cut_of_the_same_steps_gives_the_same_bits(digits):
    spec = make_spec("batch_norm")
    program = Program(spec, jax.device_put(digits), Layout(2))
    block = tuple(make_run(study.Arm("a", spec), seed, digits.digest) for seed in (0, 1))
    steps = program.steps_per_epoch
    assert steps == 6
    cuts = {
        "whole": [(0, steps, 3)],
        "epochs": [(e * steps, steps, 1) for e in range(3)],
        "single steps": [(i, 1, 1) for i in range(3 * steps)],
        "ragged": [(e * steps + first, count, 1) for e in range(3) for first, count in ((0, 4), (4, 2))],
    }
    histories = []
    for cut in cuts.values():
        states, hypers = program.start(block), program.hypers(block)
        for clock, count, repeats in cut:
            states = program.advance(states, hypers, clock, count, repeats)
        histories.append(jax.device_get(program.finish(states, hypers).history))
    for other in histories[1:]:
        for metric in METRICS:
            np.testing.assert_array_equal(other[metric], histories[0][metric])


@pytest.mark.parametrize("start", [0, 4, 6, 17])
@pytest.mark.parametrize("seconds", [1e-9, 1e-3, 1.0, 1e9])
def test_chunks_cover_every_step_once_and_never_cross_an_epoch(digits, monkeypatch, seconds, start):
    monkeypatch.setattr("jaxmlp.study.program.CHUNK_SECONDS", seconds)
    program = Program(make_spec(), jax.device_put(digits), Layout(1))
    done = start
    for clock, count, repeats in program.chunks(start):
        assert clock == done
        assert clock % 6 + count <= 6
        assert repeats == 1 or count == 6
        done += count * repeats
    assert done == 3 * 6


def test_one_program_per_spec_and_none_for_new_numbers(digits, monkeypatch):
    traces = []
    original = step_module.counted_step

    def counted(*args, **kwargs):
        traces.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr("jaxmlp.training.run.counted_step", counted)
    rates = [study.Arm(f"rate {r}", make_spec(), Hyper(learning_rate=r)) for r in (1e-4, 1e-3, 1e-2)]
    gains = [study.Arm("gain", make_spec(), Hyper(init_gain=0.5))]
    run(rates + gains, digits, seeds=3)
    one_spec = len(traces)
    traces.clear()
    run([study.Arm("a", make_spec())], digits, seeds=1)
    assert len(traces) == one_spec  # 12 runs with 4 settings traced as often as one run


def test_the_study_equals_training_by_hand(digits):
    """The engine against the plain library: one run, epoch by epoch, nothing vmapped."""
    from jaxmlp.training import end_epoch, end_run, init_run, train_epoch

    spec = make_spec("batch_norm")
    rows = run([study.Arm("a", spec)], digits, seeds=2).rows
    on_device = jax.device_put(digits)
    state = init_run(1, on_device, spec=spec, hyper=Hyper())
    for epoch in (1, 2, 3):
        state = train_epoch(state, on_device, spec=spec, hyper=Hyper(), epoch=epoch)
        state = end_epoch(state, on_device, spec=spec, hyper=Hyper(), epoch=epoch)
    state = end_run(state, on_device, spec=spec, hyper=Hyper())
    mine = numbers(rows, "a", [1])
    for metric in METRICS:
        np.testing.assert_allclose(mine[metric][0], state.history[metric], rtol=2e-2, atol=2e-2, err_msg=metric)


def test_rows_are_tidy_and_settings_that_vary_are_columns(digits):
    arms = [study.Arm("he", make_spec()), study.Arm("bn", make_spec("batch_norm"), Hyper(learning_rate=0.01))]
    results = run(arms, digits, name="tidy")
    rows = results.rows
    assert list(rows["arm"].unique()) == ["he", "bn"]
    assert not rows.duplicated(["run_id", "epoch"]).any()
    assert len(rows) == 2 * 3 * 4
    assert set(rows["experiment"]) == {"tidy"}
    assert set(rows.loc[rows["arm"] == "bn", "mlp.norm"]) == {"batch_norm"}
    assert set(rows.loc[rows["arm"] == "bn", "hyper.learning_rate"]) == {0.01}
    assert "epochs" not in rows
    last = rows["epoch"] == 3
    assert rows.loc[last, "test_accuracy"].notna().all()
    assert rows.loc[~last, "test_accuracy"].isna().all()
    final = results.final()
    assert len(final) == 6
    np.testing.assert_allclose(rows.loc[rows["arm"] == "bn", "learning_rate"], 0.01)
    assert results.manifest["arms"]["he"]["num_parameters"] == 64 * 12 + 12 + 12 * 10 + 10


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


def test_an_arm_may_have_fewer_seeds(digits):
    arms = [study.Arm(name, make_spec(), Hyper(learning_rate=rate)) for name, rate in (("a", 0.1), ("b", 0.2))]
    results = run(arms, digits, seeds={"b": [5], "a": 2})
    assert {(arm, seed) for arm, seed in results.rows[["arm", "seed"]].itertuples(index=False)} == {
        ("a", 0),
        ("a", 1),
        ("b", 5),
    }
    assert results.manifest["seeds"] == [0, 1, 5]


def test_fewer_seeds_or_arms_later_lose_nothing(digits, tmp_path):
    out = tmp_path / "s"
    arms = [study.Arm("a", make_spec()), study.Arm("b", make_spec("batch_norm"))]
    whole = run(arms, digits, seeds=3, out=out)
    fewer = run(arms[1:], digits, seeds=1, out=out, resume=True, lanes=None)
    pd.testing.assert_frame_equal(fewer.rows, whole.rows)
    assert fewer.manifest["seeds"] == [0, 1, 2]
    assert list(fewer.manifest["arms"]) == ["a", "b"]


def test_other_data_is_another_study(digits, tmp_path):
    run([study.Arm("a", make_spec())], digits, out=tmp_path / "s")
    other = digits.replace(digest="0" * 64, name="other digits")
    with pytest.raises(InputError, match="a study of digits with other data"):
        run([study.Arm("a", make_spec())], other, out=tmp_path / "s", resume=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_finished_blocks_and_checkpoints_the_one_in_training(
    digits, tmp_path, monkeypatch, trained, number
):
    monkeypatch.setattr("jaxmlp.study.program.CHUNK_SECONDS", 1e-9)  # a chunk is a step
    out = tmp_path / "s"
    arms = [study.Arm("a", make_spec("batch_norm"))]
    whole = run(arms, digits, seeds=6, lanes=2)
    trained.clear()

    original, seventh_steps = Program.advance, []

    def interrupted(self, states, hypers, clock, count, repeats):
        seventh_steps.extend([1] * (clock == 6 and "cost" in self.__dict__))
        if clock == 6 and len(seventh_steps) == 3:  # in the third block's second epoch
            os.kill(os.getpid(), number)
            time.sleep(0.5)  # the main thread hears it
        return original(self, states, hypers, clock, count, repeats)

    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.setattr(Program, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(arms, digits, seeds=6, lanes=2, out=out, display=Silent())
    assert stopped.value.args == (number,)
    monkeypatch.setattr(Program, "advance", original)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert not study.Results.saved_in(out)
    assert len(list((out / "blocks").iterdir())) == 2
    (saved,) = find_blocks(out / "checkpoints")
    assert saved.clock == 7  # an epoch has 6 steps
    display = Silent()
    run(arms, digits, seeds=6, lanes=None, out=out, resume=True, display=display)
    assert len(trained) == 4  # the third block twice
    assert min(status.epoch for status in display.states) >= 1  # but not from its beginning
    assert sum(status.run_epochs for status in display.states[-1:]) <= 4
    pd.testing.assert_frame_equal(study.Results.load(out).rows, whole.rows)
    assert not (out / "blocks").exists()
    assert not (out / "checkpoints").exists()


def test_run_ids_hash_everything_that_decides_a_run(digits):
    arm = study.Arm("a", make_spec())
    base = make_run(arm, 0, "data").run_id
    assert make_run(study.Arm("another name", make_spec()), 0, "data").run_id == base
    others = [
        make_run(arm, 1, "data"),
        make_run(arm, 0, "other data"),
        make_run(study.Arm("a", make_spec("batch_norm")), 0, "data"),
        make_run(study.Arm("a", make_spec(), Hyper(learning_rate=2e-3)), 0, "data"),
        make_run(study.Arm("a", replace(make_spec(), precision="bfloat16")), 0, "data"),
    ]
    assert len({base, *(other.run_id for other in others)}) == 6


@pytest.mark.parametrize("most", [1, 5, 16])
@pytest.mark.parametrize("count", [1, 2, 10, 16, 17, 20, 33, 300])
def test_blocks_hold_every_run_once_and_little_padding(count, most):
    arm = study.Arm("a", make_spec())
    runs = [make_run(arm, seed, "") for seed in range(count)]
    (group,) = make_groups(runs)
    lanes = fill_evenly(count, most)
    blocks = group.blocks(lanes)
    assert lanes <= most
    assert len(blocks) == -(-count // most)
    assert [run for block in blocks for run in block] == runs
    assert sum(len(padded(block, lanes)) for block in blocks) < count + len(blocks)


def test_progress_moves_forward_and_the_estimate_comes_first(digits):
    display = Silent()
    run([study.Arm("a", make_spec())], digits, seeds=6, lanes=2, display=display)
    assert display.lines[0] == "compiling 1 program"
    assert display.lines[1].startswith("estimate: 6 runs as 1 compiled programs in 3 blocks")
    shares = [s.seconds_done / s.seconds_total for s in display.states]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert [s.runs_done for s in display.states if s.epoch == 3] == [2, 4, 6]


BAD = [
    ({"arms": []}, "no arms: give at least one"),
    ({"seeds": 0}, "seeds are 0"),
    ({"seeds": [1, 1]}, "name one twice"),
    ({"seeds": [-1]}, "integers from 0"),
    ({"seeds": {"another": 1}}, "seeds are given for another"),
    ({"lanes": 0}, "lanes is 0: give a positive integer"),
    (
        {"arms": [study.Arm("a", make_spec()), study.Arm("a", make_spec("batch_norm"))]},
        "two arms are called 'a'",
    ),
    (
        {"arms": [study.Arm("a", make_spec()), study.Arm("b", make_spec())]},
        "'a' and 'b' are the same setting",
    ),
    ({"arms": [study.Arm("a", RunSpec(MLPSpec((784, 10))))]}, "must start with its 64 inputs"),
    (
        {"arms": [study.Arm("a", RunSpec(MLPSpec(WIDTHS), data=DataSpec(batch_size=5000)))]},
        "batch size 5000 is larger than the training part of",
    ),
    (
        {"arms": [study.Arm("a", RunSpec(MLPSpec(WIDTHS), data=DataSpec(train_size=5000)))]},
        "train_size 5000 is larger",
    ),
    *(
        ({"arms": [study.Arm("a", make_spec(), Hyper(learning_rate=rate))]}, "learning rate is")
        for rate in (-1e-3, 0.0, float("nan"), float("inf"))
    ),
    (
        {"arms": [study.Arm("a", make_spec(), Hyper(beta2=1.0))]},
        "beta2 is 1: give a number at least 0 and below 1",
    ),
    ({"arms": [study.Arm("a", make_spec(), Hyper(norm_eps=-1e-5))]}, "norm eps is"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD)
def test_bad_input_is_one_line_and_nothing_is_written(digits, tmp_path, wrong, message):
    wrong = {"arms": [study.Arm("a", make_spec())], "out": tmp_path / "s"} | wrong
    with pytest.raises(InputError, match=message) as caught:
        run(wrong.pop("arms"), digits, **wrong)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "epochs is 0: give a positive integer"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"precision": "float16"}, "unknown precision 'float16'"),
        ({"data": DataSpec(split="none")}, "needs a validation part"),
    ],
)
def test_wrong_run_specs_say_what_is_accepted(fields, message):
    with pytest.raises(InputError, match=message):
        RunSpec(MLPSpec(WIDTHS), **fields)


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
    with pytest.raises(InputError, match="is no study's folder"):
        run(arms, digits, out=tmp_path / "else", resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write to"):
        run(arms, digits, out=tmp_path / "file" / "s")
    assert (out / "results.parquet").read_bytes() == before
