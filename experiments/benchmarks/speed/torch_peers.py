"""PyTorch on the CPU or a GPU: eager as the documents write it, eager at its best, compiled, and vmapped."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.utils.data import DataLoader, TensorDataset

from experiments.benchmarks.speed.task import Task, TaskLayer, Train

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TORCH_OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": lambda params, **options: torch.optim.SGD(params, momentum=0.9, **options),
    "adam": torch.optim.Adam,
}


class TorchNet(nn.Module):
    """The task's net."""

    layers: Any  # a ModuleList, of which the type checker knows no more than modules

    def __init__(self, task: Task, *, running: bool = True) -> None:
        """`running`: whether batch norm keeps running statistics."""
        super().__init__()
        self.layers = nn.ModuleList(_Layer(layer, task.norm_eps, running) for layer in task.layers)
        self.skips = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in task.skips)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        module_input, skips = x, iter(self.skips)
        for layer in self.layers:
            module_input = x if layer.begins_module else module_input
            x = layer.pre(x)
            x = layer.post(x + next(skips)(module_input) if layer.ends_module else x)
        return x


class _Layer(nn.Module):
    def __init__(self, layer: TaskLayer, eps: float, running: bool) -> None:
        super().__init__()
        self.begins_module, self.ends_module = layer.begins_module, layer.ends_module

        def norm(there: bool) -> list[nn.Module]:
            return [nn.BatchNorm1d(layer.outputs, eps=eps, track_running_stats=running)] if there else []

        activations = {"relu": [nn.ReLU()], "sigmoid": [nn.Sigmoid()], "": []}
        self.pre = nn.Sequential(nn.Linear(layer.inputs, layer.outputs, bias=layer.bias), *norm(layer.pre_norm))
        self.post = nn.Sequential(*activations[layer.activation], *norm(layer.post_norm))


def first_parameters(task: Task) -> dict[str, Tensor]:
    """The task's parameters by the net's names, of all runs, [R, ...]."""
    params = {name: torch.tensor(array) for name, array in task.params.items()}
    named = {}
    for i, layer in enumerate(task.layers):
        named[f"layers.{i}.pre.0.weight"] = params[f"weight{i}"]
        if layer.bias:
            named[f"layers.{i}.pre.0.bias"] = params[f"bias{i}"]
        if layer.pre_norm or layer.post_norm:
            place = "pre.1" if layer.pre_norm else "post.1"
            named |= {
                f"layers.{i}.{place}.weight": params[f"scale{i}"],
                f"layers.{i}.{place}.bias": params[f"shift{i}"],
            }
    for i in range(len(task.skips)):
        named |= {f"skips.{i}.{kind}": params[f"skip_{kind}{i}"] for kind in ("weight", "bias")}
    return named


def _first_net(task: Task) -> TorchNet:
    net = TorchNet(task)
    net.load_state_dict({name: leaf[0] for name, leaf in first_parameters(task).items()}, strict=False)
    return net.to(DEVICE).train()


def _data(task: Task) -> TensorDataset:
    return TensorDataset(torch.tensor(task.floats), torch.tensor(task.labels).long())


def loader(task: Task) -> Train:
    """As tutorials and the documents write it: a DataLoader, and the loss read after every step."""
    net, criterion = _first_net(task), nn.CrossEntropyLoss()
    optimizer = TORCH_OPTIMIZERS[task.optimizer](net.parameters(), lr=task.learning_rate)
    batches = _endless(DataLoader(_data(task), task.batch_size, shuffle=task.shuffle, drop_last=True))

    def train(steps: int) -> Any:
        total = 0.0
        for _ in range(steps):
            x, y = next(batches)
            optimizer.zero_grad()
            loss = criterion(net(x.to(DEVICE)), y.to(DEVICE))
            loss.backward()
            optimizer.step()
            total += loss.item()
        return [total / steps]

    return train


def _endless(batches: DataLoader) -> Iterator[Any]:
    while True:
        yield from batches


class _Resident:
    """Data on the device; batches are rows of a new order every epoch."""

    def __init__(self, task: Task) -> None:
        self._job, (self.x, self.y) = task, (part.to(DEVICE) for part in _data(task).tensors)
        self._orders, self._next = self._draw(), 0

    def _draw(self) -> Tensor:
        count, runs = len(self._job.labels), self._job.runs
        orders = [torch.randperm(count) if self._job.shuffle else torch.arange(count) for _ in range(runs)]
        return torch.stack(orders).to(DEVICE)

    def batch(self) -> tuple[Tensor, Tensor]:
        """[R, B, I] and [R, B]."""
        size = self._job.batch_size
        if self._next + size > self._orders.shape[1]:
            self._orders, self._next = self._draw(), 0
        rows = self._orders[:, self._next : self._next + size]
        self._next += size
        return self.x[rows], self.y[rows]


def _train_on(task: Task, net: Any, optimizer: torch.optim.Optimizer) -> Train:
    data, criterion = _Resident(task), nn.CrossEntropyLoss()

    def train(steps: int) -> Any:
        total = torch.zeros((), device=DEVICE)
        for _ in range(steps):
            x, y = data.batch()
            optimizer.zero_grad()
            loss = criterion(net(x[0]), y[0])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return [total.item() / steps]

    return train


def resident(task: Task) -> Train:
    """Without a DataLoader."""
    net = _first_net(task)
    return _train_on(task, net, TORCH_OPTIMIZERS[task.optimizer](net.parameters(), lr=task.learning_rate))


def hooked(task: Task) -> Train:
    """And with hooks that read every layer's values and gradients at every step, and keep their numbers."""
    net, kept = _first_net(task), []

    def read(module: nn.Module, inputs: Any, y: Tensor) -> None:
        y.register_hook(lambda gradient: kept.append([float(gradient.norm())]))
        y = y.detach()
        kept.append([float(y.mean()), float(y.var()), float((y == 0).float().mean())])

    for module in net.modules():
        if isinstance(module, nn.Linear | nn.ReLU | nn.Sigmoid):
            module.register_forward_hook(read)
    return _train_on(task, net, TORCH_OPTIMIZERS[task.optimizer](net.parameters(), lr=task.learning_rate))


def fused(task: Task) -> Train:
    """And with the optimizer's fused kernel."""
    net = _first_net(task)
    return _train_on(task, net, TORCH_OPTIMIZERS[task.optimizer](net.parameters(), lr=task.learning_rate, fused=True))


def compiled(task: Task) -> Train:
    """And with the net under `torch.compile`."""
    net = _first_net(task)
    optimizer = TORCH_OPTIMIZERS[task.optimizer](net.parameters(), lr=task.learning_rate, fused=True)
    # What its documentation has for small batches on a GPU, where launching kernels takes long.
    mode = "reduce-overhead" if DEVICE == "cuda" else "default"
    return _train_on(task, torch.compile(net, mode=mode), optimizer)


def vmapped(task: Task) -> Train:
    """An ensemble as `torch.func` makes it: stacked parameters, and one optimizer for all of them.

    Batch norm keeps no running statistics, which cannot be updated in place under vmap.
    """
    data, base = _Resident(task), TorchNet(task, running=False).to("meta")
    params = {name: nn.Parameter(leaf.to(DEVICE)) for name, leaf in first_parameters(task).items()}
    optimizer = TORCH_OPTIMIZERS[task.optimizer](params.values(), lr=task.learning_rate, fused=True)
    criterion = nn.CrossEntropyLoss()

    def loss_of(params: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return criterion(functional_call(base, params, (x,)), y)

    step = vmap(grad_and_value(loss_of))

    def train(steps: int) -> Any:
        total = torch.zeros(task.runs, device=DEVICE)
        for _ in range(steps):
            grads, losses = step({name: leaf.detach() for name, leaf in params.items()}, *data.batch())
            for name, leaf in params.items():
                leaf.grad = grads[name]
            optimizer.step()
            total += losses.detach()
        return (total / steps).cpu().numpy()

    return train
