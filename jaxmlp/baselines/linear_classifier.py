"""Linear classifiers: multiclass SVM and softmax, trained by gradient descent (S-063, S-083, S-105).

Scores of an image x are s = W x + b, one row of W a class: reshaped to the image, the row is that class's template.
The objective is the documents' mean loss plus penalties, all of it convex:

    J(W, b) = (1/N) Σ_n L(s_n, t_n) + λ₂ Σ_kd W_kd² + λ₁ Σ_kd |W_kd|

    svm        L = Σ_{k≠t} max(0, s_k − s_t + 1)      cares only until every margin is met
    softmax    L = −log softmax(s)_t                  always pushes

Without penalties neither J has one minimum where the classes can be separated. D4 says that scaling W by λ > 1
leaves the loss as it is: so it does for the SVM, once all margins are met, and never for softmax (C-407).
The bias carries no penalty.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn import PENALTIES, cross_entropy, linear
from jaxmlp.nn.losses import hinge

LinearParams = dict[str, Array]
"""{"weight": W [K, I], "bias": b [K]}, as `nn.initializers.init_linear` makes them."""

LINEAR_LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "svm": partial(hinge, margin=1.0),
    "softmax": cross_entropy,
}
"""Loss per example of scores [B, K] and labels [B]. The SVM's Δ is 1, as W's scale answers for any other."""


def linear_objective(
    params: LinearParams,
    x: Array,
    labels: Array,
    *,
    loss: str,
    l2: Array | float = 0.0,
    l1: Array | float = 0.0,
) -> Array:
    """J, the mean loss of a linear classifier plus its penalties.

    Args:
        params: W and b.
        x: [N, I], floating.
        labels: int32 [N], 0..K−1.
        loss: a key of `LINEAR_LOSSES`.
        l2: λ₂ ≥ 0, of the sum of squared weights, without a half (S-063).
        l1: λ₁ ≥ 0, of the sum of absolute weights (C-408).

    Returns:
        Scalar, in nats for softmax.

    Raises:
        InputError: unknown loss, or shapes that do not belong together.

    >>> params, x, labels = {"weight": jnp.zeros((3, 1)), "bias": jnp.zeros(3)}, jnp.ones((2, 1)), jnp.array([0, 2])
    >>> float(linear_objective(params, x, labels, loss="svm"))  # both margins are missed by 1
    2.0
    """
    weight = params["weight"]
    check_problem(weight.shape, x, labels, loss)
    losses = LINEAR_LOSSES[loss](linear(weight, params["bias"], x), labels)
    return jnp.mean(losses) + l2 * PENALTIES["l2"]([weight]) + l1 * PENALTIES["l1"]([weight])


def train_linear_classifier(
    params: LinearParams,
    x: Array,
    labels: Array,
    *,
    loss: str,
    learning_rate: Array | float,
    steps: int,
    l2: Array | float = 0.0,
    l1: Array | float = 0.0,
    batch_size: int | None = None,
    key: Array | None = None,
) -> tuple[LinearParams, Array]:
    """Gradient descent on `linear_objective`, all examples in each step or a mini-batch (S-083).

    Mini-batches are those of a new order of the examples every epoch; an epoch's ragged tail is dropped.

    Args:
        params: where to start; zeros will do, the problem is convex.
        x: [N, I], preprocessed.
        labels: int32 [N], 0..K−1.
        loss: a key of `LINEAR_LOSSES`; static.
        learning_rate: η > 0.
        steps: number of updates; static.
        l2: λ₂ ≥ 0.
        l1: λ₁ ≥ 0.
        batch_size: examples of a mini-batch, 1..N; None for all in every step; static.
        key: typed key of the mini-batches, None without.

    Returns:
        (parameters after the last step, J before each step [steps]), J on the examples of that step.

    Raises:
        InputError: as `linear_objective`; `steps` or `batch_size` out of range; a batch size without a key or a key
            without a batch size.

    >>> start, labels = {"weight": jnp.zeros((2, 1)), "bias": jnp.zeros(2)}, jnp.arange(2)
    >>> x = jnp.array([[1.0], [-1.0]])
    >>> params, objectives = train_linear_classifier(start, x, labels, loss="svm", learning_rate=0.5, steps=3)
    >>> objectives.tolist(), linear_classify(params, x).tolist()
    ([1.0, 0.0, 0.0], [0, 1])
    """
    check_problem(params["weight"].shape, x, labels, loss)
    if steps < 1:
        raise InputError(f"steps is {steps}: give a positive number")
    if (key is None) != (batch_size is None):
        raise InputError("mini-batches need both batch_size and key: give both, or neither for full batches")
    if batch_size is not None:
        _check_batch_size(batch_size, x.shape[0])
    numbers = learning_rate, l2, l1
    return _descend(params, x, labels, key, numbers, loss=loss, steps=steps, batch_size=batch_size)


@partial(jax.jit, static_argnames=("loss", "steps", "batch_size"))
def _descend(
    params: LinearParams,
    x: Array,
    labels: Array,
    key: Array | None,
    numbers: tuple[Array | float, ...],
    *,
    loss: str,
    steps: int,
    batch_size: int | None,
) -> tuple[LinearParams, Array]:
    learning_rate, l2, l1 = (jnp.asarray(number, x.dtype) for number in numbers)
    objective = jax.value_and_grad(partial(linear_objective, loss=loss, l2=l2, l1=l1))

    def step(params: LinearParams, index: Array | None) -> tuple[LinearParams, Array]:
        batch = (x, labels) if index is None else (x[index], labels[index])
        value, grads = objective(params, *batch)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, grads), value

    batches = None if key is None or batch_size is None else minibatches(key, x.shape[0], batch_size, steps)
    return lax.scan(step, params, batches, length=steps)


def minibatches(key: Array, num_examples: int, batch_size: int, steps: int) -> Array:
    """Draw the examples that each step sees, int32 [steps, batch_size]; no example comes twice in one epoch.

    Args:
        key: typed key; epoch e shuffles with `fold_in(key, e)`.
        num_examples: N.
        batch_size: 1..N.
        steps: number of batches.

    Raises:
        InputError: `batch_size` outside 1..N.

    >>> batches = minibatches(jax.random.key(0), 6, 2, 3)
    >>> batches.shape, sorted(batches.ravel().tolist())  # one epoch: every example once
    ((3, 2), [0, 1, 2, 3, 4, 5])
    """
    _check_batch_size(batch_size, num_examples)
    per_epoch = num_examples // batch_size
    epochs = jnp.arange(-(-steps // per_epoch))
    examples = jnp.arange(num_examples, dtype=jnp.int32)
    orders = lax.map(lambda e: jax.random.permutation(jax.random.fold_in(key, e), examples), epochs)
    return orders[:, : per_epoch * batch_size].reshape(-1, batch_size)[:steps]


def linear_classify(params: LinearParams, x: Array) -> Array:
    """Return the class with the highest score of each row of `x` [B, I], int32 [B]; of equal scores the lowest class.

    >>> params = {"weight": jnp.array([[1.0], [-1.0]]), "bias": jnp.zeros(2)}
    >>> linear_classify(params, jnp.array([[2.0], [-2.0]])).tolist()
    [0, 1]
    """
    return jnp.argmax(linear(params["weight"], params["bias"], x), axis=1).astype(jnp.int32)


def check_problem(weight_shape: tuple[int, ...], x: Array, labels: Array, loss: str) -> None:
    """Raise `InputError` unless the loss exists, x is floating [N, I], labels integer [N] and the weight [K, I]."""
    check_choice("loss", loss, LINEAR_LOSSES)
    if x.ndim != 2 or labels.shape != x.shape[:1]:
        raise InputError(f"x {x.shape} and labels {labels.shape}: give [N, I] and one label for each row")
    if not jnp.issubdtype(x.dtype, jnp.floating) or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise InputError(f"x of {x.dtype} and labels of {labels.dtype}: give preprocessed floats and integers")
    if len(weight_shape) != 2 or weight_shape[1] != x.shape[1]:
        raise InputError(f"weight {weight_shape} and x {x.shape}: give [K, I] and [N, I] with the same I")


def _check_batch_size(batch_size: int, num_examples: int) -> None:
    if not 1 <= batch_size <= num_examples:
        raise InputError(f"batch size is {batch_size} of {num_examples} examples: give 1 to {num_examples}")
