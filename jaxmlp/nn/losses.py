"""Losses, one value per example: the caller takes the mean, so weights and masks stay possible.

With logits z, softmax p, label t and one-hot (or smoothed) target q, the mean's gradient per example is

    cross-entropy              p − q                          label smoothing only changes q
    Euclidean                  z − q
    hinge                      1[active] for k ≠ t, −#active at t
    KL divergence, batchmean   p − q                          the same as label-smoothed cross-entropy
    KL divergence, mean        (p − q)/K                      PyTorch's default: a K times smaller rate (C-304)

so at z = 0 their norms are 0.949, 1.0 and 9.49 (hinge with margin above 0) for K = 10: at one learning rate the
losses do not train at one speed (C-202).

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
    """
    gaps = jnp.asarray(margin, logits.dtype) - _true_logit(logits, labels)[:, None] + logits
    wrong = jnp.arange(logits.shape[1], dtype=labels.dtype)[None, :] != labels[:, None]
    # Not `gaps > 0`, which is false for NaN: a net of NaN would have no loss and look perfectly trained.
    return jnp.sum(jnp.where(wrong & ~(gaps <= 0), gaps, jnp.zeros_like(gaps)), axis=1)


def softmax_hinge(logits: Array, labels: Array, margin: Array | float) -> Array:
    """`hinge` of the softmax probabilities instead of the logits: the variant for small Δ (S-062, C-224). [B]."""
    return hinge(jax.nn.softmax(logits, axis=1), labels, margin)


def _true_logit(logits: Array, labels: Array) -> Array:
    return jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]


def _smoothed(logits: Array, labels: Array, smoothing: Array | float) -> Array:
    smoothing = jnp.asarray(smoothing, logits.dtype)
    one_hot = jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)
    return (1 - smoothing) * one_hot + smoothing / logits.shape[1]


class Loss(NamedTuple):
    """A loss per example, from logits [B, K] and labels [B] to [B].

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

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers it asks for."""
        return () if self.number is None else (self.number,)


def _check_loss(row: Loss) -> None:
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
    },
    from_function=Loss,
    check=_check_loss,
)
"""The library's own, and what `LOSSES.register` adds; `LossSpec(name=function)` registers too."""


def losses_of(name: str, logits: Array, labels: Array, hyper: NetHyper) -> Array:
    """One loss per example, with its number read from `hyper`.

    Args:
        name: a key of `LOSSES`.
        logits: [B, K].
        labels: [B] integers.
        hyper: the numbers.

    Returns:
        [B].

    Raises:
        InputError: an unknown name, a user's number that is not there, or a function that gives another shape.
    """
    check_choice("loss", name, LOSSES)
    loss = LOSSES[name]
    losses = loss.function(logits, labels, *map(hyper.number, loss.numbers))
    if jnp.shape(losses) != labels.shape:
        raise InputError(
            f"loss {name!r} gives shape {jnp.shape(losses)} for labels of shape {labels.shape}: let it give one number "
            "per example; the mean is taken later"
        )
    return losses
