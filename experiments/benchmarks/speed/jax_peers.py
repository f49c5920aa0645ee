"""flax.nnx and Equinox: a jitted step in a Python loop, for one net and for an ensemble, as their documents show it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array

from experiments.benchmarks.speed.task import Orders, Task, TaskLayer, Train

JAX_ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "": lambda x: x}


def _optimizer(task: Task) -> optax.GradientTransformation:
    if task.optimizer == "adam":
        return optax.adam(task.learning_rate)
    return optax.sgd(task.learning_rate, momentum=0.9 if task.optimizer == "momentum" else None)


def _mean_loss(logits: Array, labels: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


class NnxNet(nnx.Module):
    """The task's net."""

    def __init__(self, task: Task, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List(NnxPeerLayer(layer, task.norm_eps, rngs) for layer in task.layers)
        self.skips = nnx.List(nnx.Linear(inputs, outputs, rngs=rngs) for inputs, outputs in task.skips)

    def __call__(self, x: Array) -> Array:
        """Logits."""
        module_input, skips = x, iter(self.skips)
        for layer in self.layers:
            module_input = x if layer.begins_module else module_input
            x = layer.linear(x)
            x = layer.norm(x) if layer.pre_norm else x
            x = x + next(skips)(module_input) if layer.ends_module else x
            x = JAX_ACTIVATIONS[layer.activation](x)
            x = layer.norm(x) if layer.post_norm else x
        return x


class NnxPeerLayer(nnx.Module):
    """One linear and its batch norm."""

    def __init__(self, layer: TaskLayer, eps: float, rngs: nnx.Rngs) -> None:
        self.pre_norm, self.post_norm, self.activation = layer.pre_norm, layer.post_norm, layer.activation
        self.begins_module, self.ends_module = layer.begins_module, layer.ends_module
        self.linear = nnx.Linear(layer.inputs, layer.outputs, use_bias=layer.bias, rngs=rngs)
        if layer.pre_norm or layer.post_norm:
            self.norm = nnx.BatchNorm(layer.outputs, momentum=0.9, epsilon=eps, rngs=rngs)


def _fill_nnx(net: NnxNet, task: Task, runs: slice | int) -> None:
    params = {name: jnp.asarray(array[runs]) for name, array in task.params.items()}
    across = {name: jnp.swapaxes(leaf, -1, -2) for name, leaf in params.items() if "weight" in name}

    def fill(part: Any, kernel: str, **names: str) -> None:
        if kernel:
            part.kernel[...] = across[kernel]
        for leaf, name in names.items():
            if name in params:
                getattr(part, leaf)[...] = params[name]

    for i, layer in enumerate(net.layers):
        fill(layer.linear, f"weight{i}", bias=f"bias{i}")
        if layer.pre_norm or layer.post_norm:
            fill(layer.norm, "", scale=f"scale{i}", bias=f"shift{i}")
    for i, skip in enumerate(net.skips):
        fill(skip, f"skip_weight{i}", bias=f"skip_bias{i}")


def _nnx_step(net: NnxNet, optimizer: nnx.Optimizer, metrics: nnx.MultiMetric, x: Any, y: Any) -> None:
    loss, grads = nnx.value_and_grad(lambda net: _mean_loss(net(x), y))(net)
    metrics.update(loss=loss)
    optimizer.update(net, grads)


def nnx_jit(task: Task) -> Train:
    """One net; batches come from the host, as from a loader."""
    net = NnxNet(task, nnx.Rngs(0))
    _fill_nnx(net, task, 0)
    optimizer = nnx.Optimizer(net, _optimizer(task), wrt=nnx.Param)
    metrics = nnx.MultiMetric(loss=nnx.metrics.Average("loss"))
    step = nnx.cached_partial(nnx.jit(_nnx_step), net, optimizer, metrics)
    orders, floats = Orders(task), task.floats

    def train(steps: int) -> np.ndarray:
        metrics.reset()
        for _ in range(steps):
            (rows,) = orders.rows()
            step(floats[rows], task.labels[rows])
        return np.asarray(metrics.compute()["loss"])[None]

    return train


def nnx_vmap(task: Task) -> Train:
    """An ensemble under `nnx.vmap`; batches are gathered on the device, of which each of many runs has its own."""

    @nnx.split_rngs(splits=task.runs)
    @nnx.vmap
    def make(rngs: nnx.Rngs) -> tuple[NnxNet, nnx.MultiMetric]:
        return NnxNet(task, rngs), nnx.MultiMetric(loss=nnx.metrics.Average("loss"))

    net, metrics = make(nnx.Rngs(0))
    _fill_nnx(net, task, slice(None))
    optimizer = nnx.vmap(lambda net: nnx.Optimizer(net, _optimizer(task), wrt=nnx.Param))(net)
    over_runs = nnx.vmap(_nnx_step)

    def gathering_step(net: Any, optimizer: Any, metrics: Any, floats: Any, labels: Any, rows: Any) -> None:
        over_runs(net, optimizer, metrics, floats[rows], labels[rows])

    data = jnp.asarray(task.floats), jnp.asarray(task.labels)
    step, orders = nnx.cached_partial(nnx.jit(gathering_step), net, optimizer, metrics), Orders(task)

    def train(steps: int) -> np.ndarray:
        nnx.vmap(lambda metrics: metrics.reset())(metrics)
        for _ in range(steps):
            step(*data, orders.rows())
        return np.asarray(nnx.vmap(lambda metrics: metrics.compute()["loss"])(metrics))

    return train


class EqxNet(eqx.Module):
    """The task's net, for one example."""

    linears: list[eqx.nn.Linear]
    norms: list[eqx.nn.BatchNorm | None]
    skips: list[eqx.nn.Linear]
    layers: tuple[TaskLayer, ...] = eqx.field(static=True)

    def __init__(self, task: Task, key: Array) -> None:
        self.layers = task.layers
        self.linears = [eqx.nn.Linear(layer.inputs, layer.outputs, layer.bias, key=key) for layer in task.layers]
        self.norms = [
            eqx.nn.BatchNorm(layer.outputs, "batch", eps=task.norm_eps, momentum=0.9, mode="batch")
            if layer.pre_norm or layer.post_norm
            else None
            for layer in task.layers
        ]
        self.skips = [eqx.nn.Linear(inputs, outputs, key=key) for inputs, outputs in task.skips]

    def __call__(self, x: Array, state: eqx.nn.State) -> tuple[Array, eqx.nn.State]:
        """Logits."""
        module_input, skips = x, iter(self.skips)
        for layer, linear, norm in zip(self.layers, self.linears, self.norms, strict=True):
            module_input = x if layer.begins_module else module_input
            x = linear(x)
            if norm is not None and layer.pre_norm:
                x, state = norm(x, state)
            x = x + next(skips)(module_input) if layer.ends_module else x
            x = JAX_ACTIVATIONS[layer.activation](x)
            if norm is not None and layer.post_norm:
                x, state = norm(x, state)
        return x, state


def _fill_eqx(net: EqxNet, params: dict[str, Array]) -> EqxNet:
    def leaves(net: EqxNet) -> list[Any]:
        norms = [norm for norm in net.norms if norm is not None]
        biases = [linear.bias for linear in net.linears if linear.bias is not None]
        return [
            *(linear.weight for linear in net.linears),
            *biases,
            *(norm.weight for norm in norms),
            *(norm.bias for norm in norms),
            *(skip.weight for skip in net.skips),
            *(skip.bias for skip in net.skips),
        ]

    kinds = ("weight", "bias", "scale", "shift", "skip_weight", "skip_bias")
    count = len(net.layers)
    new = [params[f"{kind}{i}"] for kind in kinds for i in range(count) if f"{kind}{i}" in params]
    return eqx.tree_at(leaves, net, new)


def _eqx_step(net, state, opt_state, total, x, y, optimizer):
    def loss_of(net: EqxNet, state: eqx.nn.State) -> tuple[Array, eqx.nn.State]:
        batched = jax.vmap(net, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
        logits, state = batched(x, state)
        return _mean_loss(logits, y), state

    (loss, state), grads = eqx.filter_value_and_grad(loss_of, has_aux=True)(net, state)
    updates, opt_state = optimizer.update(grads, opt_state, net)
    return eqx.apply_updates(net, updates), state, opt_state, total + loss


def equinox(task: Task) -> Train:
    """One net under `filter_jit`, or an ensemble under `filter_vmap`."""
    optimizer = _optimizer(task)

    def start(params: dict[str, Array]):
        net, state = eqx.nn.make_with_state(EqxNet)(task, jax.random.key(0))
        net = _fill_eqx(net, params)
        return net, state, optimizer.init(eqx.filter(net, eqx.is_array))

    one, params = task.runs == 1, jax.tree.map(jnp.asarray, task.params)
    floats, labels, orders = task.floats, task.labels, Orders(task)
    step = eqx.Partial(_eqx_step, optimizer=optimizer)
    if one:
        carry = start(jax.tree.map(lambda leaf: leaf[0], params))
    else:
        carry, step = eqx.filter_vmap(start)(params), eqx.filter_vmap(step)
        # Each of many runs has batches of its own: gathered on the device.
        floats, labels = jnp.asarray(floats), jnp.asarray(labels)

    def on_rows(data, carry):
        floats, labels, rows = data
        return step(*carry, floats[rows], labels[rows])

    def on_batch(data, carry):
        return step(*carry, *data)

    jitted = eqx.filter_jit(on_batch if one else on_rows, donate="all-except-first")

    def train(steps: int) -> np.ndarray:
        nonlocal carry
        done = (*carry, jnp.zeros(() if one else task.runs))
        for _ in range(steps):
            rows = orders.rows()
            data = (floats[rows[0]], labels[rows[0]]) if one else (floats, labels, rows)
            done = jitted(data, done)
        *carry, total = done
        return np.atleast_1d(np.asarray(total / steps))

    return train
