"""How good outputs are: the score of a task, accuracy for classes and R² for numbers. Higher is better in both.

Which of the two is static, by the loss: `Loss.task`. R² of a target is 1 − Σ (y − t)² / Σ (t − t̄)²: 1 is exact, 0 is
what the targets' own mean gets, below 0 is worse than that. Of several targets it is the mean, as in scikit-learn; a
target that does not vary has 1 where every output is exact and 0 otherwise.
"""

import jax.numpy as jnp
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.nn import LOSSES, predicted_classes
from jaxmlp.training.spec import RunSpec

LOWEST_R2 = -1e30
"""Where squares overflow: a finite number, of which a window's sum is finite too."""


def r2_score(outputs: Array, targets: Array) -> Array:
    """R², the share of the targets' variance that the outputs explain, scikit-learn's `r2_score`.

    Args:
        outputs: [B, T].
        targets: floats [B, T], or [B] where T is 1.

    Returns:
        A scalar, at most 1. Where an output is NaN it is 0, that of guessing: a net that has left the floats is seen in
        its loss, and the accuracy is about that of guessing too.

    >>> float(r2_score(jnp.array([[1.0], [2.0], [3.0]]), jnp.array([1.0, 2.0, 4.0])))
    0.7857142686843872
    """
    return r2_of_squares(squares_left(outputs, targets).sum(0), targets)


def squares_left(outputs: Array, targets: Array) -> Array:
    """(y − t)² of every target, [B, T]; arguments as in `r2_score`."""
    return jnp.square(outputs - as_columns(targets).astype(outputs.dtype))


def r2_of_squares(left: Array, targets: Array) -> Array:
    """R² from Σ (y − t)² over the rows of `targets`, [T]; 0 where a sum is NaN, and never below `LOWEST_R2`."""
    columns = as_columns(targets).astype(left.dtype)
    spread = jnp.sum(jnp.square(columns - jnp.mean(columns, axis=0, keepdims=True)), axis=0)
    varies = spread > 0
    exact = jnp.where(left > 0, jnp.zeros_like(left), 1.0 - left)  # NaN stays NaN
    shares = jnp.where(varies, 1.0 - left / jnp.where(varies, spread, jnp.ones_like(spread)), exact)
    mean = jnp.mean(shares)
    return jnp.maximum(jnp.where(jnp.isnan(mean), jnp.zeros_like(mean), mean), LOWEST_R2)


def as_columns(targets: Array) -> Array:
    """Targets [B, T]; those of shape [B] are one column."""
    return targets[:, None] if targets.ndim == 1 else targets


def is_right(outputs: Array, labels: Array, spec: RunSpec) -> Array:
    """Whether each of the predicted classes is the label, [B] bool; outputs [B, K], labels [B]."""
    return predicted_classes(outputs, spec.mlp.output).astype(labels.dtype) == labels


def score_of(outputs: Array, labels: Array, spec: RunSpec) -> Array:
    """The score of a batch: the accuracy of outputs [B, K] for labels [B], or R² of [B, T] for targets [B, T]."""
    if spec.loss.task == "numbers":
        return r2_score(outputs, labels)
    return jnp.mean(is_right(outputs, labels, spec), dtype=outputs.dtype)


def score_of_guessing(spec: RunSpec, num_classes: int) -> float:
    """What a net that has learned nothing gets: 1/K, or the R² 0 of the targets' mean. A diverged run is given it."""
    return 0.0 if spec.loss.task == "numbers" else 1.0 / num_classes


def balanced_weights(labels: Array, num_classes: int) -> Array:
    """N/(K n_k) for the n_k examples of class k: scikit-learn's `balanced`, of mean 1 over the examples.

    Args:
        labels: [N] integers, of the training part.
        num_classes: K. Classes without an example weigh 0, and do not count in K.

    Returns:
        [K].

    >>> balanced_weights(jnp.array([0, 0, 0, 1]), 2)
    Array([0.6666667, 2.       ], dtype=float32)
    """
    counts = jnp.bincount(labels, length=num_classes).astype(float)
    there = counts > 0
    share = labels.shape[0] / jnp.sum(there, dtype=counts.dtype)
    return jnp.where(there, share / jnp.where(there, counts, jnp.ones_like(counts)), jnp.zeros_like(counts))


def check_task(spec: RunSpec, dataset: Dataset) -> None:
    """Raise `InputError` where the loss is not about this dataset's targets.

    >>> from jaxmlp import data, nn, training
    >>> spec = training.RunSpec(nn.MLPSpec((4, 3)), loss=training.LossSpec("squared_error"))
    >>> check_task(spec, data.load("iris"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: loss 'squared_error' predicts numbers, but the targets of iris are classes: ...
    """
    if dataset.task != spec.loss.task:
        suited = ", ".join(name for name, row in LOSSES.items() if row.task == dataset.task)
        raise InputError(
            f"loss {spec.loss.name!r} predicts {spec.loss.task}, but the targets of {dataset.name} are {dataset.task}: "
            f"choose one of {suited}"
        )


def outputs_of(spec: RunSpec, dataset: Dataset) -> tuple[int, ...]:
    """How many outputs a net may have: one per class or target, or 1 where two classes may share it.

    >>> from jaxmlp import data, nn, training
    >>> outputs_of(training.RunSpec(nn.MLPSpec((4, 3))), data.load("iris"))
    (3,)
    """
    shared = LOSSES[spec.loss.name].single_output and dataset.num_classes == 2
    return (dataset.num_outputs, 1) if shared else (dataset.num_outputs,)
