"""Workload (g): every eighth setting of D2's grid (S-098), as one study of ours, and run by run in PyTorch.

Both train on 60,000 images and test on 10,000 after every epoch. Ours is all of `study.run`, with a tenth of D2's
epochs, so that what comes before the first step weighs ten times as much as in D2's grid. PyTorch trains each setting
for an epoch.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import numpy as np
from rich.console import Console

from experiments.benchmarks.speed.peak import forget_peak, peak_bytes
from experiments.benchmarks.speed.workloads import blobs
from experiments.lab.base import Preset
from experiments.lab.documents.d2 import D2_SETTINGS, D2Setting, arms_of
from jaxmlp import study
from jaxmlp.cli.jax_settings import keep_programs

SAMPLE = tuple(dict.fromkeys(D2_SETTINGS))[2::8]
_SEEDS, _EPOCHS = 6, 5
RUN_EPOCHS = len(SAMPLE) * _SEEDS * _EPOCHS
"""Of our study; PyTorch's has one for each setting."""


class OursOnGrid:
    """A study of the sample."""

    def build(self) -> dict[str, Any]:
        """Once: compiled programs are kept from then on, as they are between a user's studies."""
        keep_programs()
        self._dataset = blobs()
        cost = cost_of(self.sample)
        about = f"{len(SAMPLE)} settings, {_SEEDS} seeds, {_EPOCHS} epochs, {jax.local_device_count()} devices"
        compiling = sum(program["compile_seconds"] for program in self._programs)
        return cost | {
            "steps": RUN_EPOCHS,
            "about": about,
            "check_loss": self._first_loss,
            "compile_seconds": compiling,
        }

    def sample(self) -> dict[str, Any]:
        """Seconds of a whole study."""
        display = study.make_display("grid", Console(quiet=True))
        arms = arms_of(SAMPLE, self._dataset, Preset(_SEEDS, _EPOCHS, batch_size=100))
        begin = time.perf_counter()
        results = study.run(arms, self._dataset, seeds=_SEEDS, display=display)
        seconds = time.perf_counter() - begin
        rows, self._programs = results.rows, results.manifest["programs"]
        self._first_loss = float(rows.loc[rows["epoch"] == 1, "train_loss"].mean())
        return {"seconds": seconds}


class TorchOnGrid:
    """The same settings one by one, as D2 ran them, with a DataLoader."""

    def build(self) -> dict[str, Any]:
        """The data, and the library."""
        import torch
        from torch.utils.data import TensorDataset

        dataset = blobs()

        def tensors(images: Any, labels: Any) -> TensorDataset:
            shifted = (np.asarray(images, np.float32) - 128) / 255
            return TensorDataset(torch.tensor(shifted), torch.tensor(np.asarray(labels)).long())

        self._train = tensors(dataset.train_inputs, dataset.train_targets)
        self._test = tensors(dataset.test_inputs, dataset.test_targets)
        cost = cost_of(self.sample)
        about = f"{len(SAMPLE)} settings, 1 epoch"
        return cost | {"steps": len(SAMPLE), "about": about, "check_loss": float(np.mean(self._losses))}

    def sample(self) -> dict[str, Any]:
        """Seconds of an epoch of every setting."""
        begin = time.perf_counter()
        self._losses = [torch_epoch(setting, self._train, self._test)[0] for setting in SAMPLE]
        return {"seconds": time.perf_counter() - begin}


def cost_of(sample: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Of a first sample: `first_seconds`, and `peak_bytes` beyond what the process had."""
    before = forget_peak()
    return {"first_seconds": sample()["seconds"], "peak_bytes": peak_bytes() - before}


def torch_epoch(setting: D2Setting, train: Any, test: Any) -> tuple[float, float]:
    """A net's first epoch: its mean training loss, and the test accuracy after it."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    from experiments.benchmarks.speed.torch_peers import DEVICE

    activations = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "gelu_tanh": lambda: nn.GELU("tanh")}
    sizes = [train.tensors[0].shape[1], *[100] * setting.hidden]
    net = nn.Sequential()
    for inputs, outputs in pairwise(sizes):
        net.extend([nn.Linear(inputs, outputs), activations[setting.activation]()])
    net.append(nn.Linear(sizes[-1], 10))
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.01)
    net.to(DEVICE)
    optimizer = torch.optim.SGD(net.parameters(), lr=setting.rate, weight_decay=setting.decay)
    total = 0.0
    for x, y in DataLoader(train, setting.batch, shuffle=True, drop_last=True):
        optimizer.zero_grad()
        loss = torch_loss(setting, net(x.to(DEVICE)), y.to(DEVICE))
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = sum(int((net(x.to(DEVICE)).argmax(dim=1) == y.to(DEVICE)).sum()) for x, y in DataLoader(test, 1000))
    return total / (len(train) // setting.batch), right / len(test)


def torch_loss(setting: D2Setting, logits: Any, labels: Any) -> Any:
    """The setting's mean loss."""
    from torch.nn import functional

    if setting.loss == "cross_entropy":
        return functional.cross_entropy(logits, labels)
    if setting.loss == "euclidean":
        targets = functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return 0.5 * (logits - targets).square().sum(dim=1).mean()
    # PyTorch's divides the sum over the wrong classes by their number and the right one.
    return logits.shape[1] * functional.multi_margin_loss(logits, labels, margin=setting.margin)
