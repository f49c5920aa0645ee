"""What watching costs: training with probes beside the same training without, in one process, taking turns.

    python -m experiments benchmark probes

Published for the like, of an MLP on MNIST, by Cockpit (Schneider, Dangel and Hennig 2021): its cheap instruments at
every step 4.3 times the plain time on a GPU and 63 times on a CPU, all of them at every 16th step 9.8 and 17.5 times.
PyTorch's hooks are measured here, on the same net and batch size.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.speed.peak import forget_peak, peak_bytes
from experiments.benchmarks.speed.report import geometric_interval
from experiments.benchmarks.speed.workloads import WORKLOADS, Workload, dataset_of, make_task
from jaxmlp.data import Dataset
from jaxmlp.probes import Epochs, Flow, Probe, Sharpness, Steps
from jaxmlp.study import Arm
from jaxmlp.study.arms import make_run
from jaxmlp.study.blocks import Group
from jaxmlp.study.plan import Wish, plan_groups
from jaxmlp.study.program import Program
from jaxmlp.study.watch import Watch

KEYS = ("d", "f")
"""Of `WORKLOADS`."""
PIECE = 64
"""Steps of one measurement, but for what looks once an epoch: four looks at every 16th."""


@dataclass(frozen=True)
class Watching:
    """One way of watching."""

    title: str
    probe: Probe
    whole_epoch: bool = False
    """Measured over an epoch, evaluation included, rather than over `PIECE` steps."""
    goal: float | None = None
    """The most that it may be times the plain time; None where it is only told."""


WATCHINGS = {
    "flow_epoch": Watching("flow at every epoch", Flow(Epochs()), True, 1.05),
    "flow_16": Watching("flow at every 16th step", Flow(Steps(every=16)), goal=1.3),
    "flow_1": Watching("flow at every step", Flow(Steps(every=1))),
    "eigenvalue_16": Watching("largest eigenvalue at every 16th step", Sharpness(Steps(every=16)), goal=2.5),
}
HOOKS = "hooks"


def probe_costs(rounds: int, say: Callable[[str], None], keys: Sequence[str] = KEYS) -> dict[str, Any]:
    """By workload: `seconds` of every round by way of watching, and of the plain runs beside it; `bytes` likewise.

    Args:
        rounds: measurements of each.
        say: is told what is measured.
        keys: of `WORKLOADS`.
    """
    return {"workloads": {key: _costs(WORKLOADS[key], rounds, say, key) for key in keys}}


def _costs(workload: Workload, rounds: int, say: Callable[[str], None], key: str) -> dict[str, Any]:
    dataset = dataset_of(workload)
    found: dict[str, Any] = {"title": workload.title, "seconds": {}, "bytes": {}}
    program, block = _program(workload, dataset)
    for name, watching in WATCHINGS.items():
        say(f"{key}: {watching.title}")
        pair = {"plain": _Run(program, block, ()), name: _Run(program, block, (watching.probe,))}
        steps = program.steps_per_epoch if watching.whole_epoch else PIECE
        ways = {kind: partial(run, steps) for kind, run in pair.items()}
        found["bytes"][name] = {kind: _peak(way) for kind, way in ways.items()}
        found["seconds"][name] = in_turns(ways, rounds)
    say(f"{key}: PyTorch's hooks at every step")
    found["seconds"][HOOKS] = in_turns(_torch_pair(workload, dataset), rounds)
    return found


def in_turns(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way by round, the first call of each left out; every other round goes through them backwards."""
    for way in ways.values():
        way()
    seconds: dict[str, list[float]] = {kind: [] for kind in ways}
    for number in range(rounds):
        for kind in list(ways)[:: -1 if number % 2 else 1]:
            begin = time.perf_counter()
            ways[kind]()
            seconds[kind].append(time.perf_counter() - begin)
    return seconds


def _peak(train: Callable[[], Any]) -> int:
    """Bytes that a first call takes at its highest beyond what there was, compiling included."""
    before = forget_peak()
    train()
    return peak_bytes() - before


def _program(workload: Workload, dataset: Dataset) -> tuple[Program, Any]:
    arm = Arm("probes", workload.spec(), workload.hyper)
    group = Group(arm.spec, (make_run(arm, 0, dataset.digest),))
    (work,) = plan_groups([group], jax.device_put(dataset, jax.local_devices()[0]), Wish(), {})
    return work.program, group.blocks(work.layout.lanes)[0]


class _Run:
    """A watched run: every call trains steps that begin an epoch of their own."""

    def __init__(self, program: Program, block: Any, probes: tuple[Probe, ...]) -> None:
        self._program, self._watch, self._epoch = program, Watch(probes, program), 0
        self._hypers = jax.device_put(program.hypers(block), program.device)
        states = program.start(block)
        self._carried = states, self._watch.begin(states, self._hypers)

    def __call__(self, steps: int) -> None:
        clock = self._epoch % self._program.spec.epochs * self._program.steps_per_epoch
        self._epoch += 1
        self._carried = self._watch.advance(*self._carried, self._hypers, (clock, steps, 1))
        jax.block_until_ready(self._carried)


def _torch_pair(workload: Workload, dataset: Dataset) -> dict[str, Callable[[], Any]]:
    """PyTorch on data in memory, plain and with hooks that take each layer's mean, variance, zeros and gradient."""
    from experiments.benchmarks.speed.torch_peers import hooked, resident

    task = make_task(workload, 1, dataset)
    plain, watched = resident(task), hooked(task)
    return {"plain": lambda: plain(PIECE), HOOKS: lambda: watched(PIECE)}


def ratio_of(seconds: dict[str, list[float]]) -> tuple[float, float, float]:
    """How many times the plain time: (geometric mean over rounds, 95 % interval from, to)."""
    plain, (watched,) = seconds["plain"], [values for kind, values in seconds.items() if kind != "plain"]
    found = geometric_interval(np.asarray(watched) / np.asarray(plain))
    return found.estimate, found.low, found.high


def probe_costs_table(measured: dict[str, Any]) -> str:
    """In Markdown: a row per workload and way of watching."""
    lines = [
        "| workload | watched | times the plain time (95 % interval) | goal | memory beyond plain | n |",
        "|---|---|---|---|---|---|",
    ]
    for cell in measured["workloads"].values():
        for name, seconds in cell["seconds"].items():
            watching = WATCHINGS.get(name)
            title = watching.title if watching else "PyTorch's hooks at every step, beside plain PyTorch"
            goal = f"at most {watching.goal:g}" if watching and watching.goal else ""
            ratio, low, high = ratio_of(seconds)
            taken = cell["bytes"].get(name)
            memory = f"{(taken[name] - taken['plain']) / 2**20:.0f} MiB" if taken else ""
            told = f"{ratio:.2f} ({low:.2f} to {high:.2f})"
            lines.append(f"| {cell['title']} | {title} | {told} | {goal} | {memory} | {len(seconds['plain'])} |")
    return "\n".join([*lines, "", COCKPIT])


COCKPIT = (
    "Published by Cockpit, an MLP on MNIST: cheap instruments at every step 4.3 times on a GPU and 63 times on a CPU, "
    "all of them at every 16th step 9.8 and 17.5 times."
)
