"""How a study lays itself out: W by rule, by memory and by measurement; out of memory; poison; programs per group."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.study import memory, program
from jaxmlp.study.arms import make_run
from jaxmlp.study.blocks import Layout, make_groups
from jaxmlp.study.plan import Machine, Wish, plan_groups, rule_layout
from jaxmlp.study.program import Program
from jaxmlp.study.workers import Workers
from jaxmlp.training import DataSpec, EvalSpec, Hyper, LossSpec, RunSpec


def make_spec(widths=(64, 12, 10), **kwargs):
    kwargs = {"epochs": 2, "evaluation": EvalSpec(batch_size=128)} | kwargs
    return RunSpec(MLPSpec(widths), data=DataSpec(batch_size=32, train_size=200), **kwargs)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def make_group(digits, count, spec=None):
    runs = [make_run(study.Arm("a", spec or make_spec()), seed, digits.digest) for seed in range(count)]
    (group,) = make_groups(runs)
    return group


@pytest.mark.parametrize(
    ("widths", "batch", "runs", "layout"),
    [
        ((2, 8, 2), 4, 100, Layout(25)),  # XOR: all lanes fit into the cache, and four cores have a block each
        ((2, 8, 2), 4, 5000, Layout(625)),
        ((64, 12, 10), 32, 3, Layout(3)),  # too few to be worth cutting
        ((784, 100, 10), 10, 32, Layout(8, "map")),  # two nets of the 32 fill the cache
        ((784, 128, 64, 32, 16, 10), 64, 30, Layout(5, "map")),  # D0's 5 layers
        ((784, 128, 64, 32, 16, 10), 64, 10, Layout(5, "map")),  # not 4: no block is padded
        ((784, *(512,) * 20, 10), 64, 20, Layout(1, "map")),  # one such net fills a step by itself
    ],
)
def test_the_rule_on_a_cpu_suits_the_cache_and_several_cores(widths, batch, runs, layout):
    assert rule_layout(RunSpec(MLPSpec(widths), data=DataSpec(batch_size=batch)), runs, "cpu") == layout


@pytest.mark.parametrize(("runs", "lanes"), [(100, 100), (5000, 1000), (1025, 513)])
def test_the_rule_elsewhere_fills_the_device_in_few_even_blocks(runs, lanes):
    assert rule_layout(RunSpec(MLPSpec((784, 100, 10))), runs, "gpu") == Layout(lanes)


def test_w_shrinks_until_the_program_fits_into_the_memory(digits):
    group, on_device = make_group(digits, 64), jax.device_put(digits)

    def planned(**machine):
        (work,) = plan_groups([group], on_device, Wish(), {}, Machine(rule=lambda *_: Layout(64), **machine))
        return work

    wide = planned()
    assert (wide.layout, wide.chosen_by) == (Layout(64), "rule")
    narrow = planned(budget=lambda device: wide.program.memory_bytes // 3)
    assert 1 < narrow.layout.lanes < 32
    assert narrow.program.memory_bytes <= wide.program.memory_bytes // 3
    with pytest.raises(InputError, match=r"one run of arm 'a' needs .* MB, and 0 MB may be used"):
        planned(budget=lambda device: 1000)


def test_what_training_holds_is_its_states_and_not_the_dataset(digits):
    wide = replace(make_spec((64, 400, 10)), epochs=1)
    program = Program(wide, jax.device_put(digits), Layout(3))
    parameters = 3 * 4 * (65 * 400 + 401 * 10)
    assert parameters < program.working_bytes < program.memory_bytes
    assert Program(wide, jax.device_put(digits), Layout(6)).working_bytes >= program.working_bytes + parameters


@pytest.mark.parametrize(
    ("devices", "speeds", "chosen"),
    [
        (1, {Layout(20): 1.0, Layout(40): 1.0, Layout(20, "map"): 1.0}, Layout(20)),
        (1, {Layout(20): 1.0, Layout(40): 0.9, Layout(20, "map"): 0.95}, Layout(20)),  # could be noise
        (1, {Layout(20): 1.0, Layout(40): 0.9, Layout(20, "map"): 0.5}, Layout(20, "map")),
        (1, {Layout(20): 1.0, Layout(40): 0.4, Layout(20, "map"): 0.5}, Layout(40)),
        (2, {Layout(20): 1.0, Layout(40): 0.4, Layout(20, "map"): 0.5}, Layout(20)),  # the other device stood idle
    ],
)
def test_a_measurement_beats_the_rule_only_clearly(digits, devices, speeds, chosen):
    """Of a group that takes minutes; seconds of a run in each layout are given instead of measured."""

    def timed(spec, dataset, layout):
        seconds = 100.0 * speeds[layout] * layout.lanes / 40
        return SimpleNamespace(layout=layout, device=jax.devices()[0], memory_bytes=1, cost=None, block_seconds=seconds)

    machine = Machine(rule=lambda *_: Layout(20), program=timed, budget=lambda _: None, devices=lambda: [0] * devices)
    (work,) = plan_groups([make_group(digits, 40)], jax.device_put(digits), Wish(), {}, machine)
    assert (work.layout, work.chosen_by) == (chosen, "rule" if chosen == Layout(20) else "measured")


def test_both_strategies_train_the_same_runs(digits):
    arms = [study.Arm("a", make_spec()), study.Arm("b", make_spec(), Hyper(learning_rate=0.01))]
    by = {s: study.run(arms, digits, seeds=2, lanes=4, strategy=s) for s in ("vmap", "map")}
    assert by["map"].manifest["programs"][0]["strategy"] == "map"
    for metric in ("train_loss", "val_loss", "test_accuracy"):
        np.testing.assert_allclose(by["map"].rows[metric], by["vmap"].rows[metric], rtol=2e-3, err_msg=metric)


@pytest.mark.long
def test_out_of_memory_halves_the_width_and_goes_on(digits, tmp_path, monkeypatch):
    original, widths = Workers._train, []

    def exhausted_above_two(self, program, job):
        widths.append(program.layout.lanes)
        if program.layout.lanes > 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")
        return original(self, program, job)

    monkeypatch.setattr(Workers, "_train", exhausted_above_two)
    said = []
    display = study.LineDisplay("s", None)  # type: ignore[arg-type]
    monkeypatch.setattr(display, "say", said.append)
    arms = [study.Arm("a", make_spec()), study.Arm("small", make_spec((64, 10)))]
    results = study.run(arms, digits, seeds=6, lanes=8, out=tmp_path / "s", display=display)
    assert len(results.final()) == 12
    assert sorted(set(widths)) == [2, 4, 8]
    assert {p["lanes"] for p in results.manifest["programs"]} == {2}
    assert sum("out of memory" in line for line in said) == 4
    narrow = study.run(arms, digits, seeds=6, lanes=2)
    pd.testing.assert_frame_equal(results.rows.drop(columns="experiment"), narrow.rows.drop(columns="experiment"))


@pytest.mark.long
def test_memory_that_runs_out_while_a_program_is_timed_halves_the_width(digits):
    class Exhausted(Program):
        most = 2

        def advance(self, *arguments):
            if self.layout.lanes > self.most:
                raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")
            return super().advance(*arguments)

    class Never(Exhausted):
        most = 0

    machine = Machine(program=Exhausted)
    results = study.run([study.Arm("a", make_spec())], digits, seeds=6, lanes=8, machine=machine)
    assert [program["lanes"] for program in results.manifest["programs"]] == [2]
    assert len(results.final()) == 6
    with pytest.raises(MemoryError, match="out of memory with a single run of arm 'a'"):
        study.run([study.Arm("a", make_spec())], digits, seeds=2, machine=Machine(program=Never))


def test_another_error_in_a_block_is_raised_and_nothing_hangs(digits, monkeypatch):
    def broken(self, program, job):
        raise ValueError("broken on purpose")

    monkeypatch.setattr(Workers, "_train", broken)
    with pytest.raises(ValueError, match="broken on purpose"):
        study.run([study.Arm("a", make_spec())], digits, seeds=2)


def test_a_poisoned_grid_leaves_the_sane_runs_their_bits(digits):
    spec = make_spec(epochs=4)
    sane = [study.Arm(f"rate {r}", spec, Hyper(learning_rate=r)) for r in (1e-3, 1e-2)]
    poison = [
        *(study.Arm(f"poison rate {r:g}", spec, Hyper(learning_rate=r)) for r in (1e4, 1e20, 1e38)),
        *(study.Arm(f"poison gain {g:g}", spec, Hyper(init_gain=g)) for g in (1e10, 1e19, 1e38)),
    ]
    alone = study.run(sane, digits, seeds=3, lanes=4).rows
    mixed = [poison[0], sane[0], *poison[1:4], sane[1], *poison[4:]]
    together = study.run(mixed, digits, seeds=3, lanes=4)
    varying = [c for c in alone.columns if c.startswith("hyper.")]
    kept = together.rows[together.rows["arm"].isin([arm.name for arm in sane])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept[alone.columns.drop(varying)], alone.drop(columns=varying))
    lost = together.final().groupby("arm")["diverged"].all()
    assert lost[[name for name in lost.index if name.startswith("poison")]].sum() >= 4
    assert together.final()["test_accuracy"].notna().all()


@pytest.mark.long
def test_300_runs_in_6_groups_are_6_training_programs(digits):
    """3 losses x 2 depths x 10 rates x 5 seeds."""
    compiled = []

    def counted(spec, dataset, layout):
        compiled.append(spec)
        return Program(spec, dataset, layout)

    arms = [
        study.Arm(
            f"{loss} {len(widths)} {rate}",
            replace(make_spec(widths, epochs=1), loss=LossSpec(loss)),
            Hyper(learning_rate=rate),
        )
        for loss in ("cross_entropy", "euclidean", "hinge")
        for widths in ((64, 10), (64, 8, 10))
        for rate in np.logspace(-4, -1, 10).tolist()
    ]
    results = study.run(arms, digits, seeds=5, machine=Machine(program=counted))
    assert len(compiled) == len(set(compiled)) == 6
    assert len(results.final()) == 300
    assert len(results.manifest["programs"]) == 6


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of the resident size as Linux counts it")
def test_a_process_grows_by_what_the_plan_says():
    """At a plan of 2 GB, where Python's own memory no longer counts."""
    command = [sys.executable, "-m", "tests.study.memory_trial", "80"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told["plan"] > 2e9
    assert 0.5 < told["growth"] / told["plan"] < 1.02


@pytest.mark.parametrize("strategy", ["vmap", "map"])
def test_the_program_grows_linearly_with_depth(digits, strategy):
    """And so does the time to compile it; the text of the program is what can be counted."""
    sizes = {}
    for layers in (5, 10, 20):
        how = {"spec": make_spec((64, *(16,) * (layers - 1), 10)), "strategy": strategy}
        hypers, seeds = program._stack_hypers([Hyper()] * 2), np.zeros(2, np.int32)
        states = jax.eval_shape(partial(program._init, **how), seeds, hypers, digits)
        advance = jax.jit(partial(program._advance, **how))
        sizes[layers] = len(advance.lower(states, hypers, digits, 0, 1, 1).as_text().splitlines())
    assert sizes[20] - sizes[10] <= 2.1 * (sizes[10] - sizes[5])


def test_the_budget_keeps_to_the_control_group(tmp_path):
    free = memory.psutil.virtual_memory().available
    own = tmp_path / "own"
    assert abs(memory.available_bytes(tmp_path / "none", own) / free - 1.0) < 0.2
    own.write_text("0::/job/step\n")
    group = tmp_path / "job"
    (group / "step").mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("500\n")
    assert abs(memory.available_bytes(tmp_path, own) / free - 1.0) < 0.2
    (group / "memory.max").write_text("2000\n")  # of the group above, as Slurm sets it
    assert memory.available_bytes(tmp_path, own) == 1500
    (group / "memory.stat").write_text("anon 300\ninactive_file 200\nactive_file 7\n")
    assert memory.available_bytes(tmp_path, own) == 1700
    (tmp_path / "memory.max").write_text("900\n")  # as a container shows its own group
    (tmp_path / "memory.current").write_text("300\n")
    assert memory.available_bytes(tmp_path, own) == 600
    devices = len(jax.local_devices(backend="cpu"))
    assert memory.budget_bytes(jax.devices("cpu")[0], lambda: 1000) == int(memory.HEADROOM * 1000 / devices)


def test_the_budget_keeps_to_a_control_group_of_version_1(tmp_path):
    own = tmp_path / "own"
    own.write_text("7:cpu,cpuacct:/\n4:memory:/docker/a\n")
    group = tmp_path / "memory" / "docker" / "a"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("2000\n")
    (group / "memory.usage_in_bytes").write_text("800\n")
    (group / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 100\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")  # none
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text("5000\n")
    assert memory.available_bytes(tmp_path, own) == 1300


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strategy": "loop"}, "unknown strategy 'loop'"),
        ({"checkpoint_minutes": -1.0}, "checkpoint minutes are -1: give 0"),
        ({"checkpoint_minutes": float("nan")}, "checkpoint minutes are nan"),
        ({"keep_params": "all"}, "unknown keep_params 'all'"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(digits, tmp_path, wrong, message):
    with pytest.raises(InputError, match=message):
        study.run([study.Arm("a", make_spec())], digits, seeds=1, out=tmp_path / "s", **wrong)
    assert not (tmp_path / "s").exists()
