"""Interventions in studies: a shared past is trained once, and changes no bit of what is trained from the start."""

import os
import signal
import time
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data
from jaxmlp.probes import GradientNorms
from jaxmlp.study.arms import Arm, make_run
from jaxmlp.study.blocks import Layout, padded
from jaxmlp.study.plan import Machine
from jaxmlp.study.program import Program
from jaxmlp.training import (
    ClipFrom,
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
from tests.study.small import OneStepChunks, assert_same_bits, make_spec, numbers, run

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


HYPER = Hyper(learning_rate=0.01)


def arm(name, *interventions, spec=SPEC, hyper=HYPER):
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
    """A run with interventions, each phase by a program of its own and nothing shared: [S, E + 1] of each metric."""
    block = padded(tuple(make_run(one, seed, digits.digest) for seed in seeds), layout.lanes)
    first, *later = block[0].phases
    ends = [*(phase.begin for phase in later), one.spec.epochs]

    def alone(phase):
        plain = tuple(replace(run, arm=Arm("phase", phase.spec, phase.hyper), parent=None) for run in block)
        return Program(phase.spec, jax.device_put(digits), layout), plain

    def trained(program, states, plain, begin, end):
        for epoch in range(begin, end):
            states = program.advance(states, program.hypers(plain), epoch * STEPS, STEPS, 1)
        return states

    program, plain = alone(first)
    states = trained(program, program.start(plain), plain, 0, ends[0])
    for before, phase, end in zip((first, *later), later, ends[1:], strict=False):
        lanes = [jax.tree.map(lambda leaf, lane=lane: leaf[lane], states) for lane in range(layout.lanes)]
        lanes = [intervene(lane, phase.opening, spec=before.spec, hyper=before.hyper) for lane in lanes]
        states = jax.tree.map(lambda *leaves: np.stack(leaves), *lanes)
        program, plain = alone(phase)
        states = trained(program, states, plain, phase.begin, end)
    states = jax.device_get(program.finish(states, program.hypers(plain)))
    history = {name: np.where(states.measured[name], values, np.nan) for name, values in states.history.items()}
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
    assert make_run(Arm("a", make_spec()), 0, "data").run_id == "a04505b64b9b6de6"


WATCHFUL = replace(
    SPEC,
    schedule=ScheduleSpec("cosine", plateau=True),
    evaluation=EvalSpec(batch_size=128, early_stopping=True, log_every=4),
)


@pytest.mark.parametrize("strategy", ["vmap", "map"])
def test_schedule_plateau_early_stop_selection_and_step_log_go_on(digits, strategy):
    hyper = Hyper(learning_rate=0.3, plateau_patience=0, stop_patience=1)
    plain = arm("plain", spec=WATCHFUL, hyper=hyper)
    two = arm("two", ScaleRate(3, 0.5), ClipFrom(5, norm=0.5), spec=WATCHFUL, hyper=hyper)
    results = run([plain, two], digits, strategy=strategy, seeds=4)
    assert_same_bits(numbers(results.rows, "two", range(4)), from_the_start(digits, two, Layout(4, strategy), range(4)))
    assert two.spec.epochs in set(results.select(arm="two").final()["epoch"])
    early = sorted(set(results.final().query("arm == 'plain' and epoch <= 3")["seed"]))
    assert early, "some must stop before the intervention"
    for seed in early:  # these have nothing to change
        assert_same_bits(*(numbers(results.rows, name, [seed]) for name in ("plain", "two")))
    # Of a block that has stopped as a whole, the rest of the past is not trained.
    stopped = run([plain, two], digits, strategy=strategy, seeds=early)
    assert steps(stopped) == len(early) * 3 * STEPS
    for table in ("epochs", "steps", "runs"):
        whole = results.tables[table]
        wanted = whole.loc[whole["seed"].isin(early)].reset_index(drop=True)
        pd.testing.assert_frame_equal(stopped.tables[table], wanted)


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
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "results.parquet", "runs.parquet"]


def test_kept_nets_say_what_they_were_trained_with_at_last(digits, tmp_path):
    norm = HYPER.clip_norm
    kept = {"plain": (False, False, norm), "freeze": (False, True, norm), "clip": (True, False, KINDS["clip"].norm)}
    arms = [one for one in ARMS if one.name in kept]
    results = run(arms, digits, seeds=1, out=tmp_path / "s", keep_params="last")
    for name, wanted in kept.items():
        (run_id,) = results.select(arm=name).final()["run_id"]
        net = load_net(tmp_path / "s" / "nets" / f"{run_id}.safetensors")
        assert net.spec.interventions == ()
        rule = net.spec.optimizer
        assert (rule.clip, rule.hold_second_moment, net.hyper.clip_norm) == wanted


INTERRUPTED = [PLAIN, arm("late", ScaleRate(6, 0.1)), arm("clip", ResetMoments(3), ClipFrom(6, norm=0.1))]
PLACES = {
    "in the shared past": ("plain", 2 * STEPS + 1),
    "at the fork": ("plain", 3 * STEPS - 1),
    "after the fork": ("plain", 3 * STEPS),
    "in a past of no arm": ("past", 4 * STEPS + 1),
    "between past and branch": ("past", 6 * STEPS - 1),
    "in a branch": ("branch", 7 * STEPS + 1),
}
"""Which block, and the clock of the chunk that the signal falls into; the past of no arm is that of `clip`."""


@pytest.fixture(scope="module")
def undisturbed(digits):
    return run(INTERRUPTED, digits)


def stop_at(place, digits, out):
    """Run the study in a folder and send a signal in the chunk of that place."""
    seen = [("plain", -1)]

    class Interrupted(OneStepChunks):
        def advance(self, states, hypers, clock, count, repeats):
            if "cost" in self.__dict__ and count:
                again = "past" if clock < seen[-1][1] else seen[-1][0]
                seen.append(("branch" if self.spec.optimizer.clip else again, clock))
                if seen[-1] == PLACES[place]:
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(0.5)  # the main thread hears it
            return super().advance(states, hypers, clock, count, repeats)

    with pytest.raises(KeyboardInterrupt):
        run(INTERRUPTED, digits, out=out, machine=Machine(program=Interrupted))
    assert seen[-1] == PLACES[place]


def assert_resumed(digits, out, undisturbed):
    """Resume the study, whose rows are then those of one that nothing happened to; return its steps."""
    results = run(INTERRUPTED, digits, out=out, resume=True, lanes=None)
    pd.testing.assert_frame_equal(results.rows, undisturbed.rows)
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "results.parquet", "runs.parquet"]
    return steps(results)


@pytest.mark.parametrize("place", PLACES)
def test_stopped_anywhere_the_rows_are_the_same(digits, tmp_path, undisturbed, place):
    stop_at(place, digits, tmp_path / "s")
    done = assert_resumed(digits, tmp_path / "s", undisturbed)
    # What a block has in a checkpoint counts as its own, and what finished blocks had is not trained again.
    futures = {"plain": steps(undisturbed), "past": SEEDS * STEPS * (3 + 2 + 2), "branch": SEEDS * STEPS * (2 + 2)}
    if place == "between past and branch":
        futures["past"] = futures["branch"]
    assert done <= futures[PLACES[place][0]]


@pytest.mark.parametrize("spare", [0, 2])
def test_a_damaged_state_costs_its_past_again_and_changes_nothing(digits, tmp_path, undisturbed, spare):
    stop_at("between past and branch", digits, tmp_path / "s")
    kept = sorted((tmp_path / "s" / "forks").iterdir())
    assert len(kept) == 2 * SEEDS  # of `plain` after epoch 6 and of the past of `clip`; after 3 no run needs one
    for path in kept[spare:]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert_resumed(digits, tmp_path / "s", undisturbed)


def test_probes_see_a_forked_run_as_one_from_the_start(digits, tmp_path):
    arms, probes = [PLAIN, arm("rate", KINDS["rate"])], (GradientNorms(),)
    both = run(arms, digits, probes=probes, out=tmp_path / "s")
    alone = run(arms[1:], digits, probes=probes)
    name = GradientNorms().table.name
    seen, wanted = both.table(name), alone.table(name)
    assert set(wanted["epoch"]) >= {FORK, FORK + 1, EPOCHS}
    columns = list(GradientNorms().table.required)
    of_rate = seen.loc[seen["arm"] == "rate"].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_rate[columns], wanted[columns])
    assert_same_bits(bits(both, "rate"), bits(alone, "rate"))
