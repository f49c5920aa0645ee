"""Runs into groups and groups into padded blocks of lanes.

A group shares a `RunSpec`, so one compiled program serves it. Its runs fill blocks of W lanes; the last
block is padded by repeating a run, whose copies are dropped afterwards. Every block of a group goes through
the same executable, so a run's numbers do not depend on its lane, its block or its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from jaxmlp.study.arms import Run
from jaxmlp.training import RunSpec

Lane = TypeVar("Lane")

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
    """The runs that share a spec, without interventions."""

    spec: RunSpec
    runs: tuple[Run, ...]

    def blocks(self, lanes: int) -> list[tuple[Run, ...]]:
        """The runs of the same epochs, W at a time; the last block of these may be shorter, see `padded`."""
        return [same[i : i + lanes] for same in self._by_span() for i in range(0, len(same), lanes)]

    @property
    def most_together(self) -> int:
        """Runs that blocks of any size could hold together: they share a clock."""
        return max(map(len, self._by_span()))

    def share(self, block: tuple[Run, ...]) -> float:
        """Of the epochs of a run from its start, what this block trains."""
        begin, end = block[0].span
        return (end - begin) / self.spec.epochs

    def _by_span(self) -> list[tuple[Run, ...]]:
        spans: dict[tuple[int, int], list[Run]] = {}
        for run in self.runs:
            spans.setdefault(run.span, []).append(run)
        return [tuple(same) for same in spans.values()]

    def without(self, done: frozenset[str]) -> "Group":
        """The group of the runs that are not done yet."""
        return replace(self, runs=tuple(run for run in self.runs if run.run_id not in done))


def padded(block: tuple[Lane, ...], lanes: int) -> tuple[Lane, ...]:
    """The block, of runs or of what belongs to them, with its last one repeated until it has W lanes."""
    return block + (block[-1],) * (lanes - len(block))


def fill_evenly(count: int, most: int) -> int:
    """W for `count` runs in as few blocks of at most `most` lanes as possible, filled evenly."""
    blocks = -(-count // most)
    return -(-count // blocks)


def make_groups(runs: Sequence[Run]) -> list[Group]:
    """Group runs by the spec that they train with last, in order of appearance."""
    by_spec: dict[RunSpec, list[Run]] = {}
    for run in runs:
        by_spec.setdefault(run.phase.spec, []).append(run)
    return [Group(spec, tuple(members)) for spec, members in by_spec.items()]
