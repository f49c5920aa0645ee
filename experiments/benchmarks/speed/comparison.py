"""The comparison: every peer's worker of a workload is started, then they are sampled in turn, round after round."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax

from experiments.benchmarks.speed.peers import FLOOR, GRID_KEY, OURS, PEERS, VARIANTS, among
from experiments.benchmarks.speed.report import microseconds
from experiments.benchmarks.speed.workloads import WORKLOADS, dataset_of, make_task
from jaxmlp.cli.jax_settings import NUM_CPU_DEVICES, cpu_devices
from jaxmlp.errors import InputError
from jaxmlp.nn import count_parameters

PEER_PACKAGES = ("torch", "flax", "equinox", "keras", "scikit-learn", "numpy", "optax")
GPU_RUNS = (1, 64, 1024)
"""Of every workload, as far as memory allows: see `MOST_BYTES`."""
MOST_BYTES = 4e9
"""Of the parameters of all runs together: gradients, optimizers' states and activations take several times as much."""
LONGEST_SECONDS = 900
"""For a worker to build its peer or to take a sample, far beyond what either takes: one that hangs may not cost the
others their measurements."""
Say = Callable[[str], None]
Names = Callable[[str, int], list[str]]
"""Who is sampled on so many runs of a workload."""


def peers_of(key: str, runs: int) -> list[str]:
    """Everybody: we first, then our variants and the peers."""
    if key == GRID_KEY:
        return [OURS, "torch_loader"]
    ours = [name for name, variant in VARIANTS.items() if among(variant.workloads, key)]
    peers = [name for name, peer in PEERS.items() if peer.trains(key, runs)]
    return [*ours, *peers]


def beside_the_floor(key: str, runs: int) -> list[str]:
    """We and the machine."""
    return [OURS, FLOOR]


def compare(keys: Sequence[str], rounds: int, say: Say, names: Names = peers_of) -> dict[str, Any]:
    """Measure these workloads: everybody who can train them, or whom `names` says.

    Returns:
        `versions` of the peers' packages, and `cells`: one dict per workload, runs and peer, with what its worker said
        of itself (`first_seconds`, `check_loss`, `steps`, `peak_bytes`; ours also `about`, `compile_seconds` and, but
        for the grid, `plan_bytes`) and `samples`, one dict a round: `seconds` of the steps, or what `Floor.sample`
        returns; beside a floor ours also `parts`, by `parts.seconds_by_part`. A cell that failed has `failed`, why.

    Raises:
        InputError: a peer's package is missing.
    """
    _check_packages()
    cells = []
    on_gpu = jax.default_backend() == "gpu"
    for key in keys:
        counts = runs_of(key, on_gpu=on_gpu)
        # On a CPU one run and many in the same rounds, so that any two can be compared round by round; a GPU's memory
        # holds fewer workers.
        for together in [(runs,) for runs in counts] if on_gpu else [counts]:
            cells += _measure(key, together, rounds, say, names)
    return {"versions": {package: version(package) for package in PEER_PACKAGES}, "cells": cells}


def _check_packages() -> None:
    missing = sorted({name for peer in PEERS.values() for name in peer.packages if find_spec(name) is None})
    if missing:
        raise InputError(
            f"the speed benchmark compares with {', '.join(missing)}, not installed here: pip install -e .[bench]"
        )


def _measure(key: str, counts: Sequence[int], rounds: int, say: Say, names: Names) -> list[dict[str, Any]]:
    """These numbers of runs, all peers in the same rounds."""
    cells, workers = [], []
    with tempfile.TemporaryDirectory() as name:
        try:
            for runs in counts:
                folder = Path(name, str(runs))
                folder.mkdir()
                if key != GRID_KEY:
                    make_task(WORKLOADS[key], runs, dataset_of(WORKLOADS[key])).write(folder)
                for peer in names(key, runs):
                    begin = time.perf_counter()
                    worker = PeerProcess(peer, key, runs, folder)
                    cell = {"workload": key, "runs": runs, "peer": peer, "samples": []} | worker.ask("build")
                    cells.append(cell)
                    if "failed" not in cell:
                        workers.append((worker, cell))
                    say(f"{key}, {runs} runs, {peer}: ready after {time.perf_counter() - begin:.1f} s")
            for _ in range(rounds):
                for worker, cell in workers:
                    answer = {} if "failed" in cell else worker.ask("sample")
                    if "failed" in answer:
                        cell |= answer
                    cell["samples"].append(answer)
            for worker, cell in workers:
                if cell["peer"] == OURS and "failed" not in cell and FLOOR in names(key, cell["runs"]):
                    cell["parts"] = worker.ask("profile")
                say(f"{key}, {cell['runs']} runs, {cell['peer']}: {cell.get('failed') or _about(cell)}")
        finally:
            for worker, _ in workers:
                worker.end()
    return cells


def runs_of(key: str, *, on_gpu: bool) -> tuple[int, ...]:
    """How many runs of a workload are trained at once, one number after another."""
    if key == GRID_KEY:
        return (1,)
    workload = WORKLOADS[key]
    if not on_gpu:
        return workload.runs
    return tuple(runs for runs in GPU_RUNS if 4 * runs * count_parameters(workload.mlp) <= MOST_BYTES)


def _about(cell: dict[str, Any]) -> str:
    if cell["peer"] == FLOOR:
        return f"{min(sample['floor'] for sample in cell['samples']) * 1e6:.1f} us a step"
    return f"{microseconds(cell).min():.1f} us a step and run{', ' + cell['about'] if 'about' in cell else ''}"


class PeerProcess:
    """A process that waits for words."""

    def __init__(self, peer: str, key: str, runs: int, folder: Path, longest: float = LONGEST_SECONDS) -> None:
        self._longest = longest
        arguments = [peer, key, str(runs), str(folder)]
        self._errors = (folder / f"{peer}.txt").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmarks.speed.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | _environment(peer, key, runs, folder),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked, self._answers = self._process.stdin, self._process.stdout

    def ask(self, word: str) -> dict[str, Any]:
        """Its answer; `failed`, and why, if it died or hung."""
        limit = threading.Timer(self._longest, self._process.kill)
        limit.start()
        with contextlib.suppress(BrokenPipeError):  # the answer will say why
            self._asked.write(word + "\n")
            self._asked.flush()
        answer = self._answers.readline()
        late = limit.finished.is_set()
        limit.cancel()
        if answer:
            return json.loads(answer)
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        self.end()
        if late:
            return {"failed": f"no answer to {word!r} within {self._longest:g} s"}
        return {"failed": said[-1][:300] if said else f"it ended with {self._process.returncode} and no word"}

    def end(self) -> None:
        """Wait for it to leave."""
        with contextlib.suppress(BrokenPipeError):
            self._asked.close()
        self._process.wait()
        self._answers.close()
        self._errors.close()


def _environment(peer: str, key: str, runs: int, folder: Path) -> dict[str, str]:
    environment = {
        # Processes share a GPU, the first one: nobody may take most of its memory in advance.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],
        # Compiled anew by every worker, as by JAX.
        "TORCHINDUCTOR_CACHE_DIR": str(folder / peer),
        NUM_CPU_DEVICES: "1",  # whatever the command line that started this has
    }
    if jax.default_backend() == "gpu":  # true float32 for everybody, as ours and PyTorch's is
        environment["JAX_DEFAULT_MATMUL_PRECISION"] = "float32"
    if peer in (*VARIANTS, FLOOR) and (runs > 1 or key == GRID_KEY):
        environment[NUM_CPU_DEVICES] = str(cpu_devices())  # as on the command line
    if key == GRID_KEY:
        environment["JAXMLP_CACHE"] = str(folder / peer)  # a first study finds no compiled programs
    return environment
