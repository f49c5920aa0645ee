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

from experiments.benchmarks.speed.report import geometric_interval
from experiments.benchmarks.speed.workloads import WORKLOADS, Workload, dataset_of, make_task
from jaxmlp.data import Dataset
from jaxmlp.probes import Flow, Probe, Sharpness, Steps
from jaxmlp.study import Arm
from jaxmlp.study.arms import make_run
from jaxmlp.study.blocks import Group
from jaxmlp.study.plan import Wish, plan_groups
from jaxmlp.study.program import Program
from jaxmlp.study.watch import Watch

KEYS = ("d", "f")
"""Of `WORKLOADS`."""
PIECE = 32
"""Steps of one measurement: two looks at every 16th."""
FEWER = 8
"""Steps of one that looks at every step."""


@dataclass(frozen=True)
class Watching:
    """One way of watching."""

    title: str
    probe: Callable[[int], Probe]
    """From the batch size: looks at a batch's rows are told apart from those at 2,000."""
    steps: int = PIECE
    goal: float | None = None
    """The most that it may be times the plain time; None where it is only told."""


WATCHINGS = {
    "flow_2000": Watching("flow on 2,000 rows, once in 32 steps", lambda batch: Flow(Steps(every=PIECE))),
    "flow_16": Watching(
        "flow on a batch's rows, every 16th step", lambda batch: Flow(Steps(every=16), batch), goal=1.3
    ),
    "flow_1": Watching("flow on a batch's rows, every step", lambda batch: Flow(Steps(every=1), batch), steps=FEWER),
    "eigenvalue_16": Watching(
        "largest eigenvalue, 10 products, every 16th step", lambda batch: Sharpness(Steps(every=16)), goal=2.5
    ),
}
EPOCH_GOAL = 1.05
"""Of flow on 2,000 rows at the end of every epoch. A look is the same program wherever it stands between two steps, so
its time is measured once in `PIECE` steps, and told of an epoch of as many steps as the workload has, which takes long
for (f). What evaluation takes there is left out, which makes the ratio a little larger than it is."""
HOOKS = "hooks"


def probe_costs(rounds: int, say: Callable[[str], None], keys: Sequence[str] = KEYS) -> dict[str, Any]:
    """By workload: `seconds` of every round by way of watching, and of the plain runs beside it; `bytes` of a look.

    Args:
        rounds: measurements of each.
        say: is told what is measured.
        keys: of `WORKLOADS`.
    """
    return {"workloads": {key: _costs(WORKLOADS[key], rounds, say, key) for key in keys}}


def _costs(workload: Workload, rounds: int, say: Callable[[str], None], key: str) -> dict[str, Any]:
    dataset = dataset_of(workload)
    say(f"{key}: training alone")
    program, block = _program(workload, dataset)
    plain = _Run(program, block, ())
    found: dict[str, Any] = {"title": workload.title, "steps_per_epoch": program.steps_per_epoch, "seconds": {}}
    found["bytes"] = {"training": program.working_bytes}
    for name, watching in WATCHINGS.items():
        say(f"{key}: {watching.title}")
        watched = _Run(program, block, (watching.probe(workload.batch_size),))
        found["bytes"][name] = watched.look_bytes
        ways = {kind: partial(run, watching.steps) for kind, run in (("plain", plain), (name, watched))}
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

    @property
    def look_bytes(self) -> int | None:
        """What a look takes at its highest, beside states and records; None where the backend does not say."""
        return self._watch.look_bytes(*self._carried, self._hypers)


def _torch_pair(workload: Workload, dataset: Dataset) -> dict[str, Callable[[], Any]]:
    """PyTorch on data in memory, plain and with hooks that take each layer's mean, variance, zeros and gradient."""
    from experiments.benchmarks.speed.torch_peers import hooked, resident

    task = make_task(workload, 1, dataset)
    plain, watched = resident(task), hooked(task)
    return {"plain": lambda: plain(FEWER), HOOKS: lambda: watched(FEWER)}


def ratio_of(seconds: dict[str, list[float]]) -> tuple[float, float, float]:
    """How many times the plain time: (geometric mean over rounds, 95 % interval from, to)."""
    plain, (watched,) = seconds["plain"], [values for kind, values in seconds.items() if kind != "plain"]
    found = geometric_interval(np.asarray(watched) / np.asarray(plain))
    return found.estimate, found.low, found.high


def once_an_epoch(ratio: tuple[float, float, float], steps_per_epoch: int) -> tuple[float, float, float]:
    """What a look once in `PIECE` steps costs where it stands once an epoch.

    >>> once_an_epoch((2.0, 1.5, 2.5), 320)
    (1.1, 1.05, 1.15)
    """
    mean, low, high = (1 + (one - 1) * PIECE / steps_per_epoch for one in ratio)
    return mean, low, high


def probe_costs_table(measured: dict[str, Any]) -> str:
    """In Markdown: a row per workload and way of watching."""
    lines = [
        "| workload | watched | times the plain time (95 % interval) | goal | memory of a look | n |",
        "|---|---|---|---|---|---|",
    ]
    for cell in measured["workloads"].values():
        for name, seconds in cell["seconds"].items():
            watching, ratio = WATCHINGS.get(name), ratio_of(seconds)
            title = watching.title if watching else "PyTorch's hooks, every step, beside plain PyTorch"
            rows = [(title, ratio, watching.goal if watching else None)]
            if name == "flow_2000":
                rows.insert(
                    0, ("flow on 2,000 rows, every epoch", once_an_epoch(ratio, cell["steps_per_epoch"]), EPOCH_GOAL)
                )
            for title, (mean, low, high), goal in rows:
                cells = [cell["title"], title, f"{mean:.2f} ({low:.2f} to {high:.2f})"]
                cells += [f"at most {goal:g}" if goal else "", _memory(cell["bytes"], name), str(len(seconds["plain"]))]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", COCKPIT])


def _memory(taken: dict[str, int | None], name: str) -> str:
    look, training = taken.get(name), taken["training"]
    return f"{look / 2**20:.0f} beside {training / 2**20:.0f} MiB" if look is not None and training else ""


COCKPIT = (
    "Published by Cockpit, an MLP on MNIST: cheap instruments at every step 4.3 times on a GPU and 63 times on a CPU, "
    "all of them at every 16th step 9.8 and 17.5 times."
)
