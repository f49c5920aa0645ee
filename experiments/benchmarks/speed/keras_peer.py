"""Keras 3 on JAX: `compile` and `fit`, which loops over the batches itself."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported

import keras
import numpy as np

from experiments.benchmarks.speed.task import Task, Train

SMALL = 1_000_000
"""Parameters; the documentation has smaller nets do several steps in a call."""
STEPS_PER_CALL = 16


def keras_fit(task: Task) -> Train:
    """The task's net, fitted epoch after epoch."""
    model = _model(task)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    calls = STEPS_PER_CALL if model.count_params() < SMALL else 1
    model.compile(optimizer=_optimizer(task), loss=loss, steps_per_execution=calls)
    floats, size = task.floats, task.batch_size

    def train(steps: int) -> np.ndarray:
        total = 0.0
        for first in range(0, steps, task.steps_per_epoch):
            count = min(task.steps_per_epoch, steps - first)
            x, y = floats[: count * size], task.labels[: count * size]
            history = model.fit(x, y, size, shuffle=task.shuffle, verbose=0)  # pyright: ignore[reportArgumentType] (stub)
            total += history.history["loss"][0] * count
        return np.array([total / steps])

    return train


def _optimizer(task: Task) -> keras.optimizers.Optimizer:
    if task.optimizer == "adam":
        return keras.optimizers.Adam(task.learning_rate, epsilon=1e-8)
    return keras.optimizers.SGD(task.learning_rate, momentum=0.9 if task.optimizer == "momentum" else 0.0)


def _model(task: Task) -> keras.Model:
    params = {name: array[0] for name, array in task.params.items()}
    inputs = module_input = x = keras.Input((task.layers[0].inputs,))
    module = 0

    def dense(x, units: int, weight: np.ndarray, bias: np.ndarray | None):
        layer = keras.layers.Dense(units, use_bias=bias is not None)
        x = layer(x)
        layer.set_weights([weight.T] if bias is None else [weight.T, bias])
        return x

    for i, layer in enumerate(task.layers):
        module_input = x if layer.begins_module else module_input
        x = dense(x, layer.outputs, params[f"weight{i}"], params.get(f"bias{i}"))
        x = keras.layers.BatchNormalization(momentum=0.9, epsilon=task.norm_eps)(x) if layer.pre_norm else x
        if layer.ends_module:
            skip = params[f"skip_weight{module}"], params[f"skip_bias{module}"]
            x, module = x + dense(module_input, layer.outputs, *skip), module + 1
        x = keras.layers.Activation(layer.activation)(x) if layer.activation else x
        x = keras.layers.BatchNormalization(momentum=0.9, epsilon=task.norm_eps)(x) if layer.post_norm else x
    return keras.Model(inputs, x)
