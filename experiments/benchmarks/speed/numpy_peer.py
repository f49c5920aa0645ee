"""A plain NumPy loop, layer by layer, as D2 and D4 write theirs, on nets such as S-114 and S-116."""

import numpy as np

from experiments.benchmarks.speed.task import Orders, Task, TaskLayer, Train


class NumpyLinear:
    """y = x Aᵀ + b."""

    def __init__(self, params: dict[str, np.ndarray], number: int) -> None:
        self.params = {name: params[f"{name}{number}"][0] for name in ("weight", "bias") if f"{name}{number}" in params}
        self.grads: dict[str, np.ndarray] = {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Keeps x for the way back."""
        self.x = x
        y = x @ self.params["weight"].T
        return y + self.params["bias"] if "bias" in self.params else y

    def backward(self, g: np.ndarray) -> np.ndarray:
        """Notes the gradients; returns that of x."""
        self.grads = {"weight": g.T @ self.x, "bias": g.sum(axis=0)}
        return g @ self.params["weight"]


class NumpyBatchNorm:
    """By the batch's statistics; running ones are kept for prediction."""

    def __init__(self, params: dict[str, np.ndarray], number: int, eps: float) -> None:
        self.params = {"scale": params[f"scale{number}"][0], "shift": params[f"shift{number}"][0]}
        self.grads: dict[str, np.ndarray] = {}
        self.eps, self.mean, self.var = np.float32(eps), np.float32(0), np.float32(1)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Keeps x̂ for the way back."""
        mean, var = x.mean(axis=0), x.var(axis=0)
        self.mean, self.var = 0.9 * self.mean + 0.1 * mean, 0.9 * self.var + 0.1 * var
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mean) / self.std
        return self.params["scale"] * self.xhat + self.params["shift"]

    def backward(self, g: np.ndarray) -> np.ndarray:
        """Notes the gradients; returns that of x."""
        self.grads = {"scale": (g * self.xhat).sum(axis=0), "shift": g.sum(axis=0)}
        means = self.grads["shift"] + self.xhat * self.grads["scale"]
        return self.params["scale"] / self.std * (g - means / np.float32(len(g)))


class Relu:
    """max(x, 0)."""

    def __init__(self) -> None:
        self.params, self.grads = {}, {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Keeps where x is positive."""
        self.positive = x > 0
        return x * self.positive

    def backward(self, g: np.ndarray) -> np.ndarray:
        """The gradient of x."""
        return g * self.positive


class Sigmoid:
    """1 / (1 + e⁻ˣ)."""

    def __init__(self) -> None:
        self.params, self.grads = {}, {}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Keeps y."""
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, g: np.ndarray) -> np.ndarray:
        """The gradient of x."""
        return g * self.y * (1 - self.y)


def loop(task: Task) -> Train:
    """Forward, softmax and cross-entropy, backward, update."""
    layers = [part for i, layer in enumerate(task.layers) for part in _parts(task, layer, i)]
    velocities = [{name: np.zeros_like(leaf) for name, leaf in layer.params.items()} for layer in layers]
    rate, momentum = np.float32(task.learning_rate), np.float32(0.9 if task.optimizer == "momentum" else 0)
    orders, floats, each = Orders(task), task.floats, np.arange(task.batch_size)

    def train(steps: int) -> np.ndarray:
        total = 0.0
        for _ in range(steps):
            (rows,) = orders.rows()
            x, y = floats[rows], task.labels[rows]
            for layer in layers:
                x = layer.forward(x)
            x = np.exp(x - x.max(axis=1, keepdims=True))
            g = x / x.sum(axis=1, keepdims=True)
            total -= np.log(g[each, y]).mean()
            g[each, y] -= 1
            g /= np.float32(task.batch_size)
            for layer in reversed(layers):
                g = layer.backward(g)
            for layer, velocity in zip(layers, velocities, strict=True):
                for name, leaf in layer.params.items():
                    step = rate * layer.grads[name]
                    if momentum:
                        step += momentum * velocity[name]
                        velocity[name] = step
                    leaf -= step
        return np.array([total / steps])

    return train


def _parts(task: Task, layer: TaskLayer, number: int) -> list[NumpyLinear | NumpyBatchNorm | Relu | Sigmoid]:
    activations = {"relu": [Relu()], "sigmoid": [Sigmoid()], "": []}
    norm = [NumpyBatchNorm(task.params, number, task.norm_eps)] if layer.pre_norm or layer.post_norm else []
    parts: list[NumpyLinear | NumpyBatchNorm | Relu | Sigmoid] = [NumpyLinear(task.params, number)]
    parts += norm if layer.pre_norm else []
    parts += activations[layer.activation]
    return parts + (norm if layer.post_norm else [])
