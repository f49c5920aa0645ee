"""How each group is executed: W, strategy and compiled program, chosen before step 0.

W follows from a rule, so that the same study has the same W on every machine of a kind. Where one device works alone, a
long group's rule is checked by a short measurement, and gives way only to a layout that is clearly faster. What was
chosen stands in the manifest and is used again when the study is resumed or extended.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import jax

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, ran_out
from jaxmlp.nn import count_parameters
from jaxmlp.study.arms import spec_id
from jaxmlp.study.blocks import STRATEGIES, Group, Layout, fill_evenly, usual_strategy
from jaxmlp.study.memory import Device, budget_bytes
from jaxmlp.study.program import Program
from jaxmlp.study.progress import Display
from jaxmlp.training import RunSpec

MAX_LANES = 1024
"""Lanes that the rule gives at most."""

STEP_FLOPS = {"cpu": 5e8}
"""The rule fills a step of all lanes with so many operations, by platform: past a few ms of work per step another
lane saves nothing, and small blocks keep every device busy."""
OTHER_STEP_FLOPS = 5e10

CACHE_BYTES = 1e6
"""What lanes under vmap may touch in a step on a CPU: a core's second-level cache. With all cores at work, lanes that
overflow it are slower per run than one after another, and lanes that stay in it faster."""
FEW_LANES = 8
"""A net of which fewer than these fit into the cache goes through its lanes one after another."""

USUAL_CORES = (1, 2, 4)
"""Blocks are cut for these numbers of devices at once: W must not depend on the machine's."""
BLOCK_OVERHEAD = {"vmap": 1.0, "map": 0.2}
"""What a block costs beside its lanes, in lanes: dispatch, and under vmap a step's fixed share."""

COMPILERS = 2
"""Programs in compilation at once: more would only wait for Python, which traces one at a time."""

MEASURE_FROM_SECONDS = 60.0
"""A group estimated to take less is not worth compiling another layout for. Nor is any group measured where cores are
devices of their own: while one block is timed the others stand idle, and lend it what they would not have."""
CLEARLY_FASTER = 1.15
"""What another layout must gain over the rule's to be chosen: less could be noise, and flip between machines."""


@dataclass(frozen=True)
class Work:
    """A group, and its program on the first device."""

    group: Group
    program: Program
    chosen_by: str
    """`given`, `kept` from an earlier call, `rule`, or `measured`."""

    @property
    def layout(self) -> Layout:
        """How the group is executed."""
        return self.program.layout

    @property
    def seconds(self) -> float:
        """Estimated time of all blocks, one after another."""
        return sum(map(self.group.share, self.group.blocks(self.layout.lanes))) * self.program.block_seconds


@dataclass(frozen=True)
class Wish:
    """What the caller asked for; None leaves it to the plan."""

    lanes: int | None = None
    strategy: str | None = None


def rule_layout(spec: RunSpec, count: int, platform: str) -> Layout:
    """W and strategy for a group of `count` runs, by the sizes of its net and batch.

    Elsewhere than on a CPU, enough lanes to fill a step, in as few blocks as that allows, filled evenly. On a CPU, vmap
    where lanes stay in a core's cache and map where they do not, in blocks that suit one core as well as several.
    """
    parameters, batch = count_parameters(spec.mlp), spec.data.batch_size
    filling = max(int(STEP_FLOPS.get(platform, OTHER_STEP_FLOPS) / (6 * parameters * batch)), 1)
    if platform != "cpu":
        lanes = fill_evenly(count, min(filling, MAX_LANES))
        return Layout(lanes, usual_strategy(lanes))
    cached = int(CACHE_BYTES / (4 * (parameters + batch * sum(spec.mlp.widths))))
    strategy, most = ("vmap", min(cached, filling)) if cached >= FEW_LANES else ("map", filling)
    lanes = _for_usual_cores(count, min(most, MAX_LANES), BLOCK_OVERHEAD[strategy])
    return Layout(lanes, strategy if lanes > 1 else usual_strategy(lanes))


def _for_usual_cores(count: int, most: int, overhead: float) -> int:
    """W of at most `most` lanes for which `count` runs take least, summed over the usual numbers of cores."""

    def cost(lanes: int) -> float:
        blocks = -(-count // lanes)
        return sum(-(-blocks // cores) * (lanes + overhead) for cores in USUAL_CORES)

    return min(range(min(count, most), 0, -1), key=cost)


@dataclass(frozen=True)
class Machine:
    """What a plan asks of the machine."""

    rule: Callable[[RunSpec, int, str], Layout] = rule_layout
    """The layout of so many runs of a spec on a platform."""
    program: Callable[[RunSpec, Dataset, Layout], Program] = Program
    """Compiles a layout, on the device of the dataset."""
    budget: Callable[[Device], int | None] = budget_bytes
    """Bytes that a program may use on a device; None is no limit."""
    devices: Callable[[], Sequence[Any]] = jax.local_devices
    """The devices that train side by side."""
    seconds: Callable[[], float] = time.perf_counter
    """The clock."""


THIS_MACHINE = Machine()


def plan_groups(
    groups: Sequence[Group], dataset: Dataset, wish: Wish, kept: Mapping[str, Layout], machine: Machine = THIS_MACHINE
) -> list[Work]:
    """Choose a layout for every group, compile it, and measure what it costs.

    Args:
        groups: with their runs.
        dataset: on the device that measures.
        wish: what the caller asked for.
        kept: by spec id, layouts that an earlier call of `study.run` chose.
        machine: what compiles, limits and measures.

    Raises:
        InputError: not even one run of a group fits into the memory that is available.
        MemoryError: memory ran out with a single lane.
    """

    def draft(group: Group) -> tuple[Program, str]:
        program, chosen_by = _draft(group, dataset, wish, kept.get(spec_id(group.spec)), machine)
        if len(groups) > 1:
            program.prepare_finish()
        return program, chosen_by

    # XLA needs no Python while it compiles: one program is traced while another one is compiled. They are timed when
    # all are there.
    with ThreadPoolExecutor(COMPILERS) as pool:
        drafts = list(pool.map(draft, groups))
    return [_settled(group, dataset, wish, *drafted, machine) for group, drafted in zip(groups, drafts, strict=True)]


def _draft(group: Group, dataset: Dataset, wish: Wish, kept: Layout | None, machine: Machine) -> tuple[Program, str]:
    """The program of the layout that is kept, asked for or by rule, and which of these it is."""
    if kept is not None:
        return machine.program(group.spec, dataset, kept), "kept"
    if wish.lanes is not None:
        layout = Layout(wish.lanes, wish.strategy or usual_strategy(wish.lanes))
        return machine.program(group.spec, dataset, layout), "given"
    (device,) = dataset.train_inputs.devices()
    layout = machine.rule(group.spec, group.most_together, device.platform)
    if wish.strategy is not None:
        layout = replace(layout, strategy=wish.strategy)
    return _fitting(group, dataset, layout, machine), "rule"


def _settled(group: Group, dataset: Dataset, wish: Wish, program: Program, chosen_by: str, machine: Machine) -> Work:
    """The draft measured; where it is by rule, takes long and can be measured fairly, beside other layouts."""
    work = Work(group, _measured(group, dataset, program, machine), chosen_by)
    alone = program.device.platform != "cpu" or len(machine.devices()) == 1
    if chosen_by != "rule" or wish.strategy is not None or work.seconds < MEASURE_FROM_SECONDS or not alone:
        return work
    return _faster(work, dataset, machine)


def _fitting(group: Group, dataset: Dataset, layout: Layout, machine: Machine) -> Program:
    """The program with at most the layout's lanes that fits into the device's memory."""
    (device,) = dataset.train_inputs.devices()
    budget = machine.budget(device)
    while True:
        program = machine.program(group.spec, dataset, layout)
        if budget is None or program.memory_bytes <= budget:
            return program
        if layout.lanes == 1:
            raise InputError(
                f"one run of arm {group.runs[0].arm.name!r} needs {program.memory_bytes / 1e6:.0f} MB, and "
                f"{budget / 1e6:.0f} MB may be used: free memory, or give a smaller net or evaluation batch size"
            )
        fixed = dataset.num_bytes
        share = max(budget - fixed, 0) / max(program.memory_bytes - fixed, 1)
        layout = Layout(max(1, min(int(layout.lanes * share), layout.lanes - 1)), layout.strategy)


def _measured(group: Group, dataset: Dataset, program: Program, machine: Machine) -> Program:
    """The program and its cost; where measuring it runs out of memory, one of half its width, and so on.

    Raises:
        MemoryError: it ran out with a single lane.
    """
    while True:
        try:
            _ = program.cost
        except Exception as error:
            if not ran_out(error):
                raise
            program = machine.program(group.spec, dataset, _half(program.layout, group))
        else:
            return program


def _half(layout: Layout, group: Group) -> Layout:
    if layout.lanes == 1:
        raise MemoryError(f"out of memory with a single run of arm {group.runs[0].arm.name!r}")
    return replace(layout, lanes=layout.lanes // 2)


def _faster(by_rule: Work, dataset: Dataset, machine: Machine) -> Work:
    """The rule's layout, or another one that is clearly faster per run."""
    group, ruled = by_rule.group, by_rule.layout
    wider = fill_evenly(group.most_together, 4 * ruled.lanes)
    others = {Layout(wider, usual_strategy(wider))}
    if ruled.lanes > 1:
        others |= {replace(ruled, strategy=strategy) for strategy in STRATEGIES}
    others -= {ruled}
    best, most = by_rule, by_rule.seconds / CLEARLY_FASTER
    for layout in sorted(others, key=lambda layout: layout.strategy):
        program = _measured(group, dataset, _fitting(group, dataset, layout, machine), machine)
        work = Work(group, program, "measured")
        if work.seconds < most:
            best, most = work, work.seconds
    return best


def halved(work: Work, done: frozenset[str], dataset: Dataset, machine: Machine = THIS_MACHINE) -> Work:
    """The same group's missing runs at half the width, or less, after memory ran out.

    Raises:
        MemoryError: it ran out with a single lane.
    """
    group = work.group.without(done)
    program = machine.program(group.spec, dataset, _half(work.layout, group))
    return Work(group, _measured(group, dataset, program, machine), work.chosen_by)


def announce(
    work: Sequence[Work], devices: Sequence[Device], display: Display, machine: Machine = THIS_MACHINE
) -> None:
    """Say what the study will cost, before it starts, and where it may not fit."""
    blocks = [len(item.group.blocks(item.layout.lanes)) for item in work]
    runs = sum(run.until is None for item in work for run in item.group.runs)
    # Blocks on several devices run side by side.
    seconds = max(sum(item.seconds for item in work) / len(devices), *(item.program.block_seconds for item in work))
    largest = max(work, key=lambda item: item.program.memory_bytes)
    at_once = min(len(devices), sum(blocks))
    display.say(
        f"estimate: {runs} runs as {len(work)} compiled programs in {sum(blocks)} blocks: about {seconds / 60:.1f} "
        f"min, {at_once * largest.program.memory_bytes / 1e6:.0f} MB "
        f"({largest.program.memory_bytes / largest.layout.lanes / 1e6:.1f} MB a run) on {describe(devices)}"
    )
    budget = machine.budget(devices[0])
    if budget is not None and largest.program.memory_bytes > budget:
        display.say(
            f"warning: {largest.layout.lanes} lanes need more than the {budget / 1e6:.0f} MB that may be used on each "
            "device; fewer --lanes need less"
        )


def describe(devices: Sequence[Device]) -> str:
    """Such as "1 device (cpu)"."""
    return f"{len(devices)} device{'s' if len(devices) > 1 else ''} ({devices[0].platform})"


def kept_layouts(programs: Sequence[Mapping]) -> dict[str, Layout]:
    """By spec id, the layouts that a manifest records."""
    return {item["spec_id"]: Layout(item["lanes"], item.get("strategy", "vmap")) for item in programs}
