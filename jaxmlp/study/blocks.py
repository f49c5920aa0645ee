"""Runs into groups and groups into padded blocks of lanes.

A group shares a `RunSpec`, so one compiled program serves it. Its runs fill blocks of W lanes; the last
block is padded by repeating a run, whose copies are dropped afterwards. Every block of a group goes through
the same executable, so a run's numbers do not depend on its lane, its block or its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxmlp.study.arms import Run
from jaxmlp.training import RunSpec

MAX_LANES = 16
"""Lanes a block has at most unless told otherwise: past this, a run gains little on a CPU."""


@dataclass(frozen=True)
class Group:
    """The runs that share a spec, and W."""

    spec: RunSpec
    runs: tuple[Run, ...]
    lanes: int

    @property
    def blocks(self) -> list[tuple[Run, ...]]:
        """The runs, W at a time; the last block may be shorter, see `padded`."""
        return [self.runs[i : i + self.lanes] for i in range(0, len(self.runs), self.lanes)]


def padded(block: tuple[Run, ...], lanes: int) -> tuple[Run, ...]:
    """The block with its last run repeated until it has W lanes."""
    return block + (block[-1],) * (lanes - len(block))


def choose_lanes(count: int) -> int:
    """W for a group of `count` runs: as few blocks as `MAX_LANES` allows, filled evenly."""
    blocks = -(-count // MAX_LANES)
    return -(-count // blocks)


def make_groups(runs: Sequence[Run], lanes: dict[RunSpec, int]) -> list[Group]:
    """Group runs by spec, in order of appearance; `lanes` gives the W of specs that already have one."""
    by_spec: dict[RunSpec, list[Run]] = {}
    for run in runs:
        by_spec.setdefault(run.arm.spec, []).append(run)
    return [
        Group(spec, tuple(members), lanes.get(spec) or choose_lanes(len(members))) for spec, members in by_spec.items()
    ]
