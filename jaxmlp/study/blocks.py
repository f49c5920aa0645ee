"""Runs into groups and groups into padded blocks of lanes.

A group shares a `RunSpec`, so one compiled program serves it. Its runs fill blocks of W lanes; the last
block is padded by repeating a run, whose copies are dropped afterwards. Every block of a group goes through
the same executable, so a run's numbers do not depend on its lane, its block or its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jaxmlp.study.arms import Run
from jaxmlp.training import RunSpec

STRATEGIES = ("vmap", "map")
"""How a program goes through its lanes: all at once, every product batched; or one lane after another, each for all
the steps of a chunk, which keeps a large net's parameters in the processor's cache.

Unrolling steps of the loop is not among them: tried on small and middling nets, alone and in lanes, it gained nothing
that stood out of the noise, and compiles longer."""


def usual_strategy(lanes: int) -> str:
    """What is taken unasked: for a single lane a batched product is a detour."""
    return "vmap" if lanes > 1 else "map"


@dataclass(frozen=True)
class Layout:
    """How a group is executed; chosen once, before step 0, then kept: other lanes mean other last bits."""

    lanes: int
    """W."""
    strategy: str = "vmap"
    """One of `STRATEGIES`."""


@dataclass(frozen=True)
class Group:
    """The runs that share a spec."""

    spec: RunSpec
    runs: tuple[Run, ...]

    def blocks(self, lanes: int) -> list[tuple[Run, ...]]:
        """The runs, W at a time; the last block may be shorter, see `padded`."""
        return [self.runs[i : i + lanes] for i in range(0, len(self.runs), lanes)]

    def without(self, done: frozenset[str]) -> "Group":
        """The group of the runs that are not done yet."""
        return replace(self, runs=tuple(run for run in self.runs if run.run_id not in done))


def padded(block: tuple[Run, ...], lanes: int) -> tuple[Run, ...]:
    """The block with its last run repeated until it has W lanes."""
    return block + (block[-1],) * (lanes - len(block))


def fill_evenly(count: int, most: int) -> int:
    """W for `count` runs in as few blocks of at most `most` lanes as possible, filled evenly."""
    blocks = -(-count // most)
    return -(-count // blocks)


def make_groups(runs: Sequence[Run]) -> list[Group]:
    """Group runs by spec, in order of appearance."""
    by_spec: dict[RunSpec, list[Run]] = {}
    for run in runs:
        by_spec.setdefault(run.arm.spec, []).append(run)
    return [Group(spec, tuple(members)) for spec, members in by_spec.items()]
