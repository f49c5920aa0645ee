"""scikit-learn's MLPClassifier, fitted partially, pass after pass."""

import numpy as np
from sklearn.neural_network import MLPClassifier

from experiments.benchmarks.speed.task import Task, Train

SKLEARN_ACTIVATIONS = {"relu": "relu", "sigmoid": "logistic"}


def sklearn_fit(task: Task) -> Train:
    """The task's net, plain SGD without penalty; in float32, the type of the images."""
    floats, size, classes = task.floats, task.batch_size, np.arange(task.layers[-1].outputs)
    net = MLPClassifier(
        [layer.outputs for layer in task.layers[:-1]],
        activation=SKLEARN_ACTIVATIONS[task.layers[0].activation],
        solver="sgd",
        alpha=0.0,
        batch_size=size,  # pyright: ignore[reportArgumentType] (its stub knows "auto" alone)
        learning_rate_init=task.learning_rate,
        momentum=0.0,
        nesterovs_momentum=False,  # else it computes every update twice
        shuffle=task.shuffle,
        random_state=0,
    )

    def train(steps: int) -> np.ndarray:
        total = 0.0
        for first in range(0, steps, task.steps_per_epoch):
            count = min(task.steps_per_epoch, steps - first)
            # Unlike fit, it takes examples that lack a class, as few batches do.
            net.partial_fit(floats[: count * size], task.labels[: count * size], classes=classes)
            total += net.loss_ * count
        return np.array([total / steps])

    train(1)  # makes the arrays
    net.coefs_ = [task.params[f"weight{i}"][0].T.copy() for i in range(len(task.layers))]
    net.intercepts_ = [task.params[f"bias{i}"][0].copy() for i in range(len(task.layers))]
    return train
