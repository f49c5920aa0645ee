"""Loss and accuracy over any set of examples, in evaluation mode and in bounded memory."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.data import PREPROCESSINGS
from jaxmlp.nn import NormState, Params, apply_mlp, losses_of
from jaxmlp.training.hyper import Hyper
from jaxmlp.training.spec import RunSpec


def logits_of(
    params: Params, norm_state: NormState, preprocessing: Any, images: Array, *, spec: RunSpec, hyper: Hyper
) -> Array:
    """Logits [B, K] of images as stored, [B, I]: preprocessed, running statistics in the norms."""
    x = PREPROCESSINGS[spec.data.preprocessing].apply(preprocessing, images)
    logits, _, _ = apply_mlp(params, norm_state, x, spec=spec.mlp, hyper=hyper, train=False, precision=spec.precision)
    return logits


def evaluate(
    params: Params,
    norm_state: NormState,
    preprocessing: Any,
    images: Array,
    labels: Array,
    index: Array,
    *,
    spec: RunSpec,
    hyper: Hyper,
) -> tuple[Array, Array]:
    """Mean loss and accuracy over `images[index]`, running statistics in the norms.

    Rows go through in pieces of `spec.evaluation.batch_size`; the last piece is padded and masked, so every
    example counts once.

    Args:
        params: the network's parameters.
        norm_state: its running statistics.
        preprocessing: the fitted state of the run's preprocessing.
        images: [N, I], as stored.
        labels: [N] integers.
        index: [M] int32, which rows.
        spec: the run's structure.
        hyper: the run's numbers.

    Returns:
        (mean loss, accuracy in [0, 1]), scalars; NaN for both when M is 0.
    """
    count = index.shape[0]
    if count == 0:
        return jnp.full((), jnp.nan), jnp.full((), jnp.nan)
    size = min(spec.evaluation.batch_size, count)
    pieces = -(-count // size)
    padded = jnp.pad(index, (0, pieces * size - count)).reshape(pieces, size)
    real = (jnp.arange(pieces * size) < count).reshape(pieces, size)

    def piece(totals: tuple[Array, Array], rows: tuple[Array, Array]):
        chosen, mask = rows
        logits = logits_of(params, norm_state, preprocessing, images[chosen], spec=spec, hyper=hyper)
        losses = losses_of(spec.loss.name, logits, labels[chosen], hyper)
        right = jnp.argmax(logits, axis=1) == labels[chosen]
        loss_sum = jnp.sum(jnp.where(mask, losses, jnp.zeros_like(losses)))
        return (totals[0] + loss_sum, totals[1] + jnp.sum(mask & right, dtype=jnp.int32)), None

    zero = (jnp.zeros(()), jnp.zeros((), jnp.int32))
    (loss_sum, right), _ = jax.lax.scan(piece, zero, (padded, real))
    return loss_sum / count, right.astype(loss_sum.dtype) / count
