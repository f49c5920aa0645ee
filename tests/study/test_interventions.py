"""Interventions in studies: a shared past is trained once, and changes no bit of what is trained from the start."""

import os
import signal
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.study.arms import Arm, make_run
from jaxmlp.study.blocks import Layout, make_groups, padded
from jaxmlp.study.forks import families, fork_key, with_pasts
from jaxmlp.study.program import Program
from jaxmlp.training import (
    ClipFrom,
    DataSpec,
    EvalSpec,
    FreezeSecondMoment,
    Hyper,
    ResetMoments,
    ScaleRate,
    ScheduleSpec,
    SetNumbers,
    intervene,
    load_net,
)
from tests.study.small import Silent, assert_same_bits, make_spec, numbers, run

EPOCHS, FORK, STEPS, SEEDS = 8, 5, 6, 3
SPEC = make_spec("batch_norm", epochs=EPOCHS)
KINDS = {
    "reset": ResetMoments(FORK),
    "second": ResetMoments(FORK, moments="second"),
    "freeze": FreezeSecondMoment(FORK),
    "clip": ClipFrom(FORK, norm=0.1),
    "numbers": SetNumbers(FORK, {"beta2": 0.9, "adam_eps": 1e-3, "norm_momentum": 0.5}),
    "rate": ScaleRate(FORK, 0.1),
}


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def arm(name, *interventions, spec=SPEC, hyper=Hyper(learning_rate=0.01)):
    return Arm(name, replace(spec, interventions=interventions), hyper)


PLAIN = arm("plain")
ARMS = [PLAIN, *(arm(name, one) for name, one in KINDS.items())]


@pytest.fixture(scope="module")
def forked(digits):
    return run(ARMS, digits)


def bits(results, name):
    return numbers(results.rows, name, range(SEEDS))


def steps(results):
    return results.manifest["steps_trained"]


def from_the_start(digits, one, layout, seeds=range(SEEDS)):
    """A run with interventions, every phase by a program of its own and nothing shared, as [S, E + 1] of each metric."""
    block = padded(tuple(make_run(one, seed, digits.digest) for seed in seeds), layout.lanes)
    placed, states = jax.device_put(digits), None
    ends = [phase.begin for phase in block[0].phases[1:]] + [one.spec.epochs]
    for number, (phase, end) in enumerate(zip(block[0].phases, ends, strict=True)):
        program = Program(phase.spec, placed, layout)
        plain = tuple(replace(run, arm=Arm("phase", phase.spec, phase.hyper), parent=None) for run in block)
        hypers = program.hypers(plain)
        if states is None:
            states = program.start(plain)
        else:
            before = block[0].phases[number - 1]
            lanes = [jax.tree.map(lambda leaf, lane=lane: leaf[lane], states) for lane in range(layout.lanes)]
            lanes = [intervene(one, phase.opening, spec=before.spec, hyper=before.hyper) for one in lanes]
            states = jax.tree.map(lambda *leaves: np.stack(leaves), *lanes)
        for epoch in range(phase.begin, end):
            states = program.advance(states, hypers, epoch * STEPS, STEPS, 1)
    history = jax.device_get(program.finish(states, hypers).history)
    return {name: values[: len(seeds)] for name, values in history.items()}


def test_two_arms_cost_one_past_and_two_futures(digits):
    both = run([PLAIN, arm("reset", KINDS["reset"])], digits)
    plain, reset = run([PLAIN], digits), run([arm("reset", KINDS["reset"])], digits)
    assert steps(plain) == steps(reset) == SEEDS * EPOCHS * STEPS
    assert steps(both) == SEEDS * STEPS * (FORK + 2 * (EPOCHS - FORK))
    assert_same_bits(bits(both, "plain"), bits(plain, "plain"))
    assert_same_bits(bits(both, "reset"), bits(reset, "reset"))
    assert [program["arms"] for program in both.manifest["programs"]] == [["plain", "reset"]]


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_the_same_as_from_the_start(digits, forked, name):
    wanted = from_the_start(digits, arm(name, KINDS[name]), Layout(4))
    assert_same_bits(bits(forked, name), wanted)
    plain = bits(forked, "plain")
    shared = {metric: values[:, : FORK + 1] for metric, values in bits(forked, name).items()}
    for metric in ("train_loss", "val_loss", "train_accuracy", "learning_rate"):
        np.testing.assert_array_equal(shared[metric], plain[metric][:, : FORK + 1])
    assert (bits(forked, name)["train_loss"][:, FORK + 1 :] != plain["train_loss"][:, FORK + 1 :]).all()


def test_what_changes_numbers_alone_shares_the_program_of_the_past(forked):
    assert steps(forked) == SEEDS * STEPS * (FORK + len(ARMS) * (EPOCHS - FORK))
    programs = {tuple(program["arms"]) for program in forked.manifest["programs"]}
    assert programs == {("numbers", "plain", "rate", "reset", "second"), ("freeze",), ("clip",)}


def test_the_settings_are_a_column_and_part_of_the_id(forked):
    texts = dict(zip(forked.final()["arm"], forked.final()["interventions"], strict=True))
    assert texts["plain"] == "none"
    assert texts["reset"] == "reset_moments(epoch=5, moments=both)"
    assert len(set(texts.values())) == len(ARMS)
    assert forked.final()["run_id"].nunique() == SEEDS * len(ARMS)
    assert forked.select(interventions="none").rows["arm"].unique().tolist() == ["plain"]


def test_a_run_without_interventions_has_the_id_it_always_had():
    assert make_run(Arm("a", make_spec()), 0, "data").run_id == "ID_OF_PLAIN"


WATCHFUL = replace(
    SPEC,
    schedule=ScheduleSpec("cosine", plateau=True, warmup_epochs=1),
    evaluation=EvalSpec(batch_size=128, early_stopping=True, log_every=4),
)


@pytest.mark.parametrize("strategy", ["vmap", "map"])
def test_schedule_plateau_early_stop_and_selection_go_on(digits, strategy):
    hyper = Hyper(learning_rate=0.3, plateau_patience=0, stop_patience=2)
    two = arm("two", ScaleRate(2, 0.5), ClipFrom(4, norm=0.5), spec=WATCHFUL, hyper=hyper)
    plain = arm("plain", spec=WATCHFUL, hyper=hyper)
    results = run([plain, two], digits, strategy=strategy, seeds=6)
    wanted = from_the_start(digits, two, Layout(4, strategy), range(4))
    wanted = {name: values[:4] for name, values in wanted.items()}
    assert_same_bits(numbers(results.rows, "two", range(4)), wanted)
    ends = results.final()[["arm", "epoch"]].to_numpy().tolist()
    assert any(epoch < 4 for _, epoch in ends), "some must stop before the second intervention"
    assert any(epoch > 4 for _, epoch in ends)
    early = results.final()[results.final()["epoch"] <= 2]["seed"]
    for seed in early:  # they have nothing to change
        assert_same_bits(*(numbers(results.rows, name, [seed]) for name in ("plain", "two")))
    assert results.steps is not None
    alone = run([two], digits, strategy=strategy, seeds=6)
    pd.testing.assert_frame_equal(
        alone.steps[list(alone.steps)[:7]], results.steps[results.steps["arm"] == "two"].reset_index(drop=True)
    )


def test_arms_that_fork_from_forks_and_at_many_epochs(digits):
    arms = [
        arm("late", ScaleRate(6, 0.1)),
        arm("both", ResetMoments(3), ScaleRate(6, 0.1)),
        arm("reset", ResetMoments(3)),
        arm("other", ResetMoments(3), ScaleRate(6, 0.2)),
    ]
    results = run(arms, digits)
    # The past of `late` until 6, by which `reset` forks too; then two futures of `reset`, and one of `late`.
    assert steps(results) == SEEDS * STEPS * (6 + 2 + (EPOCHS - 3) + 2 + 2)
    for one in arms:
        assert_same_bits(bits(results, one.name), from_the_start(digits, one, Layout(4)))


def test_more_seeds_than_lanes_and_seeds_by_arm(digits):
    arms, seeds = [PLAIN, arm("rate", KINDS["rate"])], {"plain": [0, 1, 2, 3, 4], "rate": [4, 1, 7]}
    results = run(arms, digits, lanes=2, seeds=seeds)
    assert steps(results) == STEPS * (5 * EPOCHS + FORK + 3 * (EPOCHS - FORK))  # seed 7 has a past of its own
    alone = run(arms[1:], digits, lanes=2, seeds=[1, 4, 7])
    assert_same_bits(*(numbers(one.rows, "rate", [1, 4, 7]) for one in (results, alone)))


def test_an_arm_that_comes_later_trains_the_past_again(digits, tmp_path, forked):
    out = tmp_path / "s"
    run([PLAIN], digits, out=out)
    results = run([PLAIN, arm("rate", KINDS["rate"])], digits, out=out, resume=True, lanes=None)
    assert steps(results) == 2 * SEEDS * EPOCHS * STEPS
    for name in ("plain", "rate"):
        assert_same_bits(bits(results, name), bits(forked, name))
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "results.parquet"]


def test_kept_nets_say_what_they_were_trained_with_at_last(digits, tmp_path):
    results = run(ARMS[:4], digits, seeds=1, out=tmp_path / "s", keep_params="last")
    for name, clip, held in (("plain", False, False), ("freeze", False, True)):
        (run_id,) = results.select(arm=name).final()["run_id"]
        net = load_net(tmp_path / "s" / "nets" / f"{run_id}.safetensors")
        assert net.spec.interventions == ()
        assert (net.spec.optimizer.clip, net.spec.optimizer.hold_second_moment) == (clip, held)


INTERRUPTED = [PLAIN, arm("late", ScaleRate(6, 0.1)), arm("clip", ResetMoments(3), ClipFrom(6, norm=0.1))]
PLACES = {
    "in the shared past": ("plain", 2 * STEPS + 1),
    "at the fork": ("plain", 3 * STEPS),
    "after the first fork": ("plain", 3 * STEPS + 1),
    "in a past of no arm": ("past", 4 * STEPS + 1),
    "between past and branch": ("branch", 6 * STEPS),
    "in a branch": ("branch", 7 * STEPS + 1),
}


@pytest.fixture(scope="module")
def undisturbed(digits):
    return run(INTERRUPTED, digits)


@pytest.mark.parametrize("place", PLACES)
def test_stopped_anywhere_the_rows_are_the_same(digits, tmp_path, monkeypatch, undisturbed, place):
    monkeypatch.setattr("jaxmlp.study.program.CHUNK_SECONDS", 1e-9)  # a chunk is a step
    out, original, (which, at) = tmp_path / "s", Program.advance, PLACES[place]
    state = {"which": "plain", "asked": False}

    def interrupted(self, states, hypers, clock, count, repeats):
        if "cost" in self.__dict__ and count:
            state["which"] = "branch" if self.spec.optimizer.clip else "past" if state.get("last", -1) > clock else state["which"]
            state["last"] = clock
            if (state["which"], clock) == (which, at) and not state["asked"]:
                state["asked"] = True
                os.kill(os.getpid(), signal.SIGINT)
        return original(self, states, hypers, clock, count, repeats)

    monkeypatch.setattr(Program, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(INTERRUPTED, digits, out=out)
    monkeypatch.setattr(Program, "advance", original)
    assert state["asked"]
    results = run(INTERRUPTED, digits, out=out, resume=True, lanes=None)
    pd.testing.assert_frame_equal(results.rows, undisturbed.rows)
    assert steps(results) <= steps(undisturbed)  # what a checkpoint had is not trained again
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "results.parquet"]
