"""What a worker process is given: a net, its first parameters, the data, and how to train; files of plain arrays.

Peers read nothing else, so PyTorch, Keras and NumPy run in processes where JAX was never imported.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

Train = Callable[[int], np.ndarray]
"""Goes on training for so many steps of every run, waits for the last, and returns the steps' mean losses, [R]."""


@dataclass(frozen=True)
class TaskLayer:
    """One linear of the main path and what follows it, in this order: pre norm, sum, activation, post norm."""

    inputs: int
    outputs: int
    bias: bool
    pre_norm: bool
    activation: str
    """`relu`, `sigmoid`, or nothing."""
    post_norm: bool
    begins_module: bool
    """Its input is what the skip of its residual module carries."""
    ends_module: bool
    """The skip, a linear with bias, is added to its output."""


@dataclass(frozen=True)
class Task:
    """A workload for some runs. Every run starts from its own parameters, and draws its own order of the data."""

    layers: tuple[TaskLayer, ...]
    skips: tuple[tuple[int, int], ...]
    """(inputs, outputs) of the residual modules' skips."""
    optimizer: str
    """`sgd`, `momentum` or `adam`, with the usual numbers."""
    learning_rate: float
    batch_size: int
    shuffle: bool
    norm_eps: float
    runs: int
    images: np.ndarray
    """[N, I], uint8, or float32 points."""
    labels: np.ndarray
    """int32 [N]."""
    params: dict[str, np.ndarray]
    """`weight0` [R, O, I], `bias0` [R, O], ..., `scale0`, `shift0`, `skip_weight0`, `skip_bias0` by module."""

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches."""
        return len(self.labels) // self.batch_size

    @property
    def floats(self) -> np.ndarray:
        """The images as a net takes them: float32, pixels in [0, 1]."""
        return self.images.astype(np.float32) / 255 if self.images.dtype == np.uint8 else self.images

    def write(self, folder: Path) -> None:
        """Into files of a folder."""
        plain = asdict(self)
        arrays = {name: plain.pop(name) for name in ("images", "labels")}
        np.savez(folder / "params.npz", **plain.pop("params"))
        np.savez(folder / "data.npz", **arrays)
        (folder / "task.json").write_text(json.dumps(plain), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Task":
        """From files of a folder."""
        plain: dict[str, Any] = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        plain["layers"] = tuple(TaskLayer(**layer) for layer in plain["layers"])
        plain["skips"] = tuple(map(tuple, plain["skips"]))
        with np.load(folder / "data.npz") as data, np.load(folder / "params.npz") as params:
            return cls(**plain, **data, params=dict(params))


class Orders:
    """The rows of batch after batch of every run: new orders of the data every epoch, ragged tails left out.

    What a user of a library without a loader of its own writes.
    """

    def __init__(self, task: Task) -> None:
        self._job, self._numbers, self._next = task, [np.random.default_rng(seed) for seed in range(task.runs)], 0
        self._orders = self._draw()

    def _draw(self) -> np.ndarray:
        rows = np.arange(len(self._job.labels))
        return np.stack([numbers.permutation(rows) if self._job.shuffle else rows for numbers in self._numbers])

    def rows(self) -> np.ndarray:
        """Of the next batches, [R, B]."""
        size = self._job.batch_size
        if self._next + size > self._orders.shape[1]:
            self._orders, self._next = self._draw(), 0
        self._next += size
        return self._orders[:, self._next - size : self._next]
