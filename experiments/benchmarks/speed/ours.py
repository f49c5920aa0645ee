"""jaxmlp as a study runs it: the layout that a study would choose, its compiled program, a thread per device.

Drawing orders of the data, gathering and scaling batches, and the mean training loss are included. Evaluations are not,
for no peer.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.speed.workloads import Workload
from jaxmlp.data import Dataset
from jaxmlp.study import Arm
from jaxmlp.study.arms import Run, make_run
from jaxmlp.study.blocks import Group
from jaxmlp.study.plan import Wish, plan_groups
from jaxmlp.study.program import Program
from jaxmlp.study.timing import pieces


def build(workload: Workload, dataset: Dataset, runs: int, **changes: str) -> tuple["Training", dict[str, Any]]:
    """The runs of a study of one arm; `changes` are fields of its `RunSpec`.

    Returns:
        What trains them, a `Train`, and `about`, how they are laid out; `plan_bytes`, what the compiler plans for a
        block beside the dataset; and `compile_seconds`, of one device's program.
    """
    arm = Arm("speed", workload.spec(**changes), workload.hyper)
    group = Group(arm.spec, tuple(make_run(arm, seed, dataset.digest) for seed in range(runs)))
    devices = jax.local_devices()
    (work,) = plan_groups([group], jax.device_put(dataset, devices[0]), Wish(), {})
    blocks, layout = group.blocks(work.layout.lanes), work.layout
    others = [Program(arm.spec, jax.device_put(dataset, device), layout) for device in devices[1 : len(blocks)]]
    programs = [work.program, *others]
    return Training(programs, blocks), {
        "about": f"{len(blocks)} blocks of {layout.lanes} lanes ({layout.strategy}), {len(programs)} devices",
        "plan_bytes": work.program.working_bytes,
        "compile_seconds": work.program.compile_seconds,
    }


class Training:
    """Blocks of runs, a thread for each program's device."""

    def __init__(self, programs: Sequence[Program], blocks: Sequence[tuple[Run, ...]]) -> None:
        self.programs = programs
        self._blocks = [_Block(programs[i % len(programs)], block) for i, block in enumerate(blocks)]

    def __call__(self, steps: int) -> np.ndarray:
        """Train all of them for so many steps; the mean losses, [R]."""
        with ThreadPoolExecutor(len(self.programs)) as threads:
            losses = threads.map(self._on_device, range(len(self.programs)), [steps] * len(self.programs))
            return np.concatenate([loss for part in losses for loss in part])

    def _on_device(self, number: int, steps: int) -> list[np.ndarray]:
        with jax.default_device(self.programs[number].device):
            return [block.train(steps) for block in self._blocks[number :: len(self.programs)]]


class _Block:
    def __init__(self, program: Program, block: tuple[Run, ...]) -> None:
        self._program, self._runs = program, len(block)
        self._hypers = jax.device_put(program.hypers(block), program.device)
        self._states, self._sum, self._clock = program.start(block), np.zeros(len(block)), 0

    def train(self, steps: int) -> np.ndarray:
        """The mean losses of these steps, which begin an epoch."""
        per_epoch = self._program.steps_per_epoch
        for clock, count in pieces(steps, per_epoch):
            self._states = self._program.advance(self._states, self._hypers, self._clock + clock, count, 1)
        self._clock += -(-steps // (per_epoch - 1)) * per_epoch
        total = np.asarray(self._states.loss_sum)[: self._runs]  # only an evaluation would begin it anew
        losses, self._sum = (total - self._sum) / steps, total
        return losses
