"""One peer and one workload in a process of its own.

`python -m experiments.benchmarks.speed.worker PEER WORKLOAD RUNS FOLDER`

Reads a word a line and answers each with one JSON object: `build`, then `sample` as often as wanted,
perhaps `profile`, then nothing more.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.speed.peak import forget_peak, peak_bytes
from experiments.benchmarks.speed.peers import FLOOR, GRID_KEY, OURS, PEERS, VARIANTS
from experiments.benchmarks.speed.task import Task, Train

SAMPLE_SECONDS = 2.5
"""Aimed length of a sample, by the fastest of a few: none is to be under 2 s."""
CHECK_STEPS = 60
"""Of one epoch: the first ones, whose mean loss all peers must share."""


class PeerWorker:
    """Builds once, then samples."""

    def __init__(self, peer: str, key: str, runs: int, folder: Path) -> None:
        self._peer, self._key, self._runs, self._folder = peer, key, runs, folder

    def build(self) -> dict[str, Any]:
        """Prepare, train the first steps, and see how many fill a sample."""
        make = self._maker()
        before, begin = forget_peak(), time.perf_counter()
        self._train, about = make()
        first = self._train(1)
        ready = time.perf_counter() - begin
        rest = CHECK_STEPS - 1
        losses = (first + rest * np.asarray(self._train(rest))) / CHECK_STEPS
        self._steps, seconds = 8, 0.0
        while seconds < SAMPLE_SECONDS / 4:
            self._steps *= 2
            seconds = self._sample()
        least = min(seconds, self._sample(), self._sample())
        self._steps = int(self._steps * SAMPLE_SECONDS / least) + 1
        return about | {
            "first_seconds": ready,
            "check_loss": float(np.mean(losses)),
            "steps": self._steps,
            "peak_bytes": peak_bytes() - before,
        }

    def _maker(self) -> Callable[[], tuple[Train, dict[str, Any]]]:
        """Imports and reads the data now: neither is part of what is measured."""
        if self._peer in VARIANTS:
            from experiments.benchmarks.speed import ours
            from experiments.benchmarks.speed.workloads import WORKLOADS, dataset_of

            workload = WORKLOADS[self._key]
            dataset = dataset_of(workload)
            return lambda: ours.build(workload, dataset, self._runs, **VARIANTS[self._peer].changes)
        factory, task = PEERS[self._peer].factory, Task.read(self._folder)
        return lambda: (factory(task), {})

    def sample(self) -> dict[str, Any]:
        """Seconds of the sample's steps."""
        return {"seconds": self._sample()}

    def profile(self) -> dict[str, float]:
        """Ours alone: the seconds of a step's parts, from a fraction of a sample."""
        from experiments.benchmarks.speed.ours import Training
        from experiments.benchmarks.speed.parts import seconds_by_part

        assert isinstance(self._train, Training)
        return seconds_by_part(self._train, max(8, self._steps // 10))

    def _sample(self) -> float:
        begin = time.perf_counter()
        self._train(self._steps)
        return time.perf_counter() - begin


class FloorWorker:
    """Measures the machine instead of a peer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self) -> dict[str, Any]:
        """Compile its products."""
        from experiments.benchmarks.speed.floor import Floor

        self._floor = Floor(Task.read(self._folder))
        return {}

    def sample(self) -> dict[str, Any]:
        """Seconds of one step of all runs, at least."""
        return self._floor.sample()


def _worker_of(peer: str, key: str, runs: int, folder: Path) -> Any:
    if peer == FLOOR:
        return FloorWorker(folder)
    if key == GRID_KEY:
        from experiments.benchmarks.speed.grid import OursOnGrid, TorchOnGrid

        return OursOnGrid() if peer == OURS else TorchOnGrid()
    return PeerWorker(peer, key, runs, folder)


def _main() -> None:
    """Answer words until there are no more."""
    peer, key, runs, folder = sys.argv[1:]
    worker = _worker_of(peer, key, int(runs), Path(folder))
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries print
    for word in sys.stdin:
        print(json.dumps(getattr(worker, word.strip())()), file=answers, flush=True)


if __name__ == "__main__":
    _main()
