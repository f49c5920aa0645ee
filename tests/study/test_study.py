"""Studies: the same run gives the same bits whatever runs beside it and however it is cut."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.study.arms import make_run
from jaxmlp.study.blocks import Layout, fill_evenly, make_groups, padded
from jaxmlp.study.program import Program
from jaxmlp.training import METRICS, DataSpec, Hyper, RunSpec
from jaxmlp.training import step as step_module
from tests.study.small import WIDTHS, Silent, assert_same_bits, make_spec, numbers, run


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


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


@pytest.fixture(scope="module")
def program(digits):
    return Program(make_spec(), jax.device_put(digits), Layout(1))


@pytest.mark.parametrize("start", [0, 4, 6, 17])
@pytest.mark.parametrize("seconds", [1e-9, 1e-3, 1.0, 1e9])
def test_chunks_cover_every_step_once_and_never_cross_an_epoch(program, seconds, start):
    program.chunk_seconds, done = seconds, start
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
        by_hand = np.where(state.measured[metric], state.history[metric], np.nan)
        np.testing.assert_allclose(mine[metric][0], by_hand, rtol=2e-2, atol=2e-2, err_msg=metric)


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


def test_an_arm_may_have_fewer_seeds(digits):
    arms = [study.Arm(name, make_spec(), Hyper(learning_rate=rate)) for name, rate in (("a", 0.1), ("b", 0.2))]
    results = run(arms, digits, seeds={"b": [5], "a": 2})
    assert {(arm, seed) for arm, seed in results.rows[["arm", "seed"]].itertuples(index=False)} == {
        ("a", 0),
        ("a", 1),
        ("b", 5),
    }
    assert results.manifest["seeds"] == [0, 1, 5]


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


def test_runs_of_other_arms_in_the_folder_count_as_done(digits, tmp_path):
    display = Silent()
    run([study.Arm("a", make_spec())], digits, seeds=4, lanes=2, out=tmp_path / "one")
    other = [study.Arm("b", make_spec("batch_norm"))]
    run(other, digits, seeds=2, lanes=2, out=tmp_path / "one", resume=True, display=display)
    assert {s.runs for s in display.states} == {6}
    assert display.states[-1].runs_done == 6


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
