"""Losses, one value per example: the caller takes the mean, so weights and masks stay possible.

Of classes, with logits z, softmax p, label t and one-hot (or smoothed) target q, one example's loss has this gradient
by z, which the batch's mean divides by B. That of cross-entropy follows from ∂ln p_j/∂z_k = 1[j = k] − p_k, summed
over −q_j:

    cross-entropy              p − q                          label smoothing only changes q
    Euclidean                  z − q
    hinge                      1[active] for k ≠ t, −#active at t
    KL divergence, batchmean   p − q                          the same as label-smoothed cross-entropy
    KL divergence, mean        (p − q)/K                      PyTorch's default: a K times smaller rate (C-304)
    binary cross-entropy       (σ(z) − q)/K                   K questions of yes or no; or one logit for two classes

so at z = 0 their norms are 0.949, 1.0 and 9.49 (hinge with margin above 0) for K = 10: at one learning rate the
losses do not train at one speed (C-202).

Of numbers, with outputs y and targets t of an example, both [T], the gradient per example is

    squared error              2 (y − t)/T
    absolute error             sign(y − t)/T                  0 where an output is exact

A row with NaN among its logits has the loss NaN in all of them: that is how a run that has left the floats is seen.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.components import Components
from jaxmlp.errors import InputError, check_choice
from jaxmlp.nn.hyper import NetHyper, check_number


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Softmax cross-entropy −log softmax(z)_t (S-061, S-064, S-065), without overflow.

    D2 also clips p to [1e-12, 1 − 1e-12], which changes no gradient and only values beyond 27.6 nats or below 1e-12.

    Args:
        logits: z, [B, K].
        labels: the true classes t, [B] integers in 0..K−1.

    Returns:
        [B], in nats; log K where all logits of a row are equal.

    >>> cross_entropy(jnp.array([[1000.0, 0.0]]), jnp.array([1])).tolist()  # no overflow
    [1000.0]
    """
    return jax.nn.logsumexp(logits, axis=1) - _true_logit(logits, labels)


def label_smoothed_cross_entropy(logits: Array, labels: Array, smoothing: Array | float) -> Array:
    """−Σ_k q_k log softmax(z)_k with q = (1 − ε) one-hot + ε/K (C-304); ε = 0 is `cross_entropy`. [B]."""
    return -jnp.sum(_smoothed(logits, labels, smoothing) * jax.nn.log_softmax(logits, axis=1), axis=1)


def kl_divergence(logits: Array, labels: Array, smoothing: Array | float) -> Array:
    """Σ_k q_k (log q_k − log softmax(z)_k) with the smoothed target q, PyTorch's `batchmean` (S-066). [B]."""
    target = _smoothed(logits, labels, smoothing)
    return jnp.sum(jax.scipy.special.xlogy(target, target), axis=1) + label_smoothed_cross_entropy(
        logits, labels, smoothing
    )


def kl_divergence_mean(logits: Array, labels: Array, smoothing: Array | float) -> Array:
    """`kl_divergence` divided by K: PyTorch's default reduction, `mean` over B·K entries (S-066, A-20). [B]."""
    return kl_divergence(logits, labels, smoothing) / logits.shape[1]


def euclidean(logits: Array, labels: Array) -> Array:
    """½‖z − q‖² with the one-hot target q (S-006, S-060). [B]."""
    return 0.5 * jnp.sum(jnp.square(logits - jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)), axis=1)


def hinge(logits: Array, labels: Array, margin: Array | float) -> Array:
    """Σ_{k≠t} max(0, Δ − z_t + z_k), the sum of margins (S-062, S-063). [B].

    Δ is 5 in D2 and 1 in CS231n. At a margin met exactly the derivative is 0.

    >>> hinge(jnp.array([[3.0, 1.0, 2.5]]), jnp.array([0]), 1.0).tolist()  # class 1 is 2 below, class 2 only 0.5
    [0.5]
    """
    gaps = jnp.asarray(margin, logits.dtype) - _true_logit(logits, labels)[:, None] + logits
    wrong = jnp.arange(logits.shape[1], dtype=labels.dtype)[None, :] != labels[:, None]
    # Not `gaps > 0`, which is false for NaN: a net of NaN would have no loss and look perfectly trained.
    return jnp.sum(jnp.where(wrong & ~(gaps <= 0), gaps, jnp.zeros_like(gaps)), axis=1)


def softmax_hinge(logits: Array, labels: Array, margin: Array | float) -> Array:
    """`hinge` of the softmax probabilities instead of the logits: the variant for small Δ (S-062, C-224). [B]."""
    return hinge(jax.nn.softmax(logits, axis=1), labels, margin)


def binary_cross_entropy(logits: Array, labels: Array) -> Array:
    """The mean over K of −q log σ(z) − (1 − q) log(1 − σ(z)), PyTorch's `BCEWithLogitsLoss`, without overflow.

    With K > 1 outputs q is one-hot, one question of yes or no for every class; with one output, for two classes, q is
    the label. It takes logits: the sigmoid is part of the loss, and one at the output would be a second one (S-117).

    Args:
        logits: z, [B, K] or [B, 1].
        labels: [B] integers; 0 and 1 for [B, 1].

    Returns:
        [B], in nats; log 2 at logits of 0.
    """
    one_hot = jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    target = one_hot if logits.shape[1] > 1 else labels[:, None].astype(logits.dtype)
    return jnp.mean(jax.nn.softplus(logits) - target * logits, axis=1)


def squared_error(outputs: Array, targets: Array) -> Array:
    """(1/T) Σ (y − t)², of numbers; its mean over examples is PyTorch's `MSELoss`.

    Args:
        outputs: y, [B, T].
        targets: t, floats [B, T]; or [B] where T is 1.

    Returns:
        [B], in the targets' unit squared.
    """
    return jnp.mean(jnp.square(_gaps(outputs, targets)), axis=1)


def absolute_error(outputs: Array, targets: Array) -> Array:
    """(1/T) Σ |y − t|, of numbers; its mean over examples is PyTorch's `L1Loss`. As `squared_error`, [B]."""
    gaps = _gaps(outputs, targets)
    # JAX gives abs the derivative 1 at 0; a constant sign gives it 0, as PyTorch has it.
    return jnp.mean(gaps * jax.lax.stop_gradient(jnp.sign(gaps)), axis=1)


def _gaps(outputs: Array, targets: Array) -> Array:
    """y − t, [B, T]; shapes that only broadcast are refused: they would compare every output with every target."""
    targets = targets[:, None] if targets.ndim == 1 else targets
    if targets.shape != outputs.shape:
        raise InputError(
            f"targets of shape {targets.shape} for outputs of shape {outputs.shape}: give one number per output"
        )
    return outputs - targets.astype(outputs.dtype)


def _true_logit(logits: Array, labels: Array) -> Array:
    return jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]


def _smoothed(logits: Array, labels: Array, smoothing: Array | float) -> Array:
    smoothing = jnp.asarray(smoothing, logits.dtype)
    one_hot = jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    return (1 - smoothing) * one_hot + smoothing / logits.shape[1]


LOSS_TASKS = ("classes", "numbers")
"""What a loss is about: integer labels, whose score is the accuracy, or float targets, whose score is R²."""


class Loss(NamedTuple):
    """A loss per example: from logits [B, K] and labels [B], or outputs [B, T] and targets [B, T], to [B].

    >>> import jax, jax.numpy as jnp, jaxmlp.nn as nn
    >>> def tempered(logits, labels, temperature):
    ...     return nn.cross_entropy(logits / temperature, labels)
    >>> nn.LOSSES.register("tempered", nn.Loss(tempered, "user.temperature"))
    'tempered'
    >>> nn.losses_of("tempered", jnp.zeros((2, 4)), jnp.arange(2), nn.NetHyper(user={"temperature": 2.0}))
    Array([1.3862944, 1.3862944], dtype=float32)
    """

    function: Callable[..., Array]
    """Of the logits and labels, and of its number where it has one."""
    number: str | None = None
    """A field of `NetHyper`, or a user's number such as `user.temperature`: the function's third argument."""
    task: str = "classes"
    """One of `LOSS_TASKS`."""
    single_output: bool = False
    """Two classes may share one output, the logit of class 1."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers it asks for."""
        return () if self.number is None else (self.number,)


def _check_loss(row: Loss) -> None:
    check_choice("task of a loss", row.task, LOSS_TASKS)
    for number in row.numbers:
        check_number(number)


LOSSES: Components[Loss] = Components(
    "loss",
    Loss,
    {
        "cross_entropy": cross_entropy,
        "label_smoothed_cross_entropy": Loss(label_smoothed_cross_entropy, "smoothing"),
        "kl_divergence": Loss(kl_divergence, "smoothing"),
        "kl_divergence_mean": Loss(kl_divergence_mean, "smoothing"),
        "euclidean": euclidean,
        "hinge": Loss(hinge, "margin"),
        "softmax_hinge": Loss(softmax_hinge, "margin"),
        "binary_cross_entropy": Loss(binary_cross_entropy, single_output=True),
        "squared_error": Loss(squared_error, task="numbers"),
        "absolute_error": Loss(absolute_error, task="numbers"),
    },
    from_function=Loss,
    check=_check_loss,
)
"""The library's own, and what `LOSSES.register` adds; `LossSpec(name=function)` registers too."""


def losses_of(name: str, logits: Array, labels: Array, hyper: NetHyper) -> Array:
    """One loss per example, with its number read from `hyper`.

    Args:
        name: a key of `LOSSES`.
        logits: [B, K], or the outputs of numbers [B, T].
        labels: [B] integers; of numbers the targets, floats [B, T] or [B].
        hyper: the numbers.

    Returns:
        [B].

    Raises:
        InputError: an unknown name, a user's number that is not there, targets of another shape than the outputs, or a
            function that gives another shape.

    >>> losses_of("hinge", jnp.zeros((2, 3)), jnp.array([0, 2]), NetHyper(margin=5.0)).tolist()  # two margins of 5 each
    [10.0, 10.0]
    """
    check_choice("loss", name, LOSSES)
    loss = LOSSES[name]
    losses = loss.function(logits, labels, *map(hyper.number, loss.numbers))
    if jnp.shape(losses) != labels.shape[:1]:
        raise InputError(
            f"loss {name!r} gives shape {jnp.shape(losses)} for labels of shape {labels.shape}: let it give one number "
            "per example; the mean is taken later"
        )
    return losses
