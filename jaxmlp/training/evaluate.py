"""Loss and accuracy over any set of examples, in bounded memory, and whose statistics normalize there.

Batch norm can be evaluated in three ways (S-031): with the running statistics, with those of the batch, and with those
of all training observations, which is the first way with the state from `full_data_norm_state`.
"""

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
    norm_stats: str = "running",
) -> tuple[Array, Array]:
    """Mean loss and accuracy over `images[index]`; dropout is off.

    With running statistics every example counts once. With the batch's, rows are taken in order in batches of
    `spec.data.batch_size`, the size the network was trained with, and the ragged tail is left out as in training: its
    statistics would be those of fewer rows. Fewer rows than one batch are one batch.

    Args:
        params: the network's parameters.
        norm_state: its running statistics.
        preprocessing: the fitted state of the run's preprocessing.
        images: [N, I], as stored.
        labels: [N] integers.
        index: [M] int32, which rows.
        spec: the run's structure.
        hyper: the run's numbers.
        norm_stats: whose statistics normalize, `"running"` or `"batch"`.

    Returns:
        (mean loss, accuracy in [0, 1]), scalars; NaN for both when M is 0.

    Raises:
        InputError: unknown `norm_stats`.
    """
    how: dict[str, Any] = {"spec": spec, "hyper": hyper, "norm_stats": norm_stats}
    return _over_pieces(params, norm_state, preprocessing, images, labels, index, **how)[:2]


def evaluate_in_train_mode(
    params: Params,
    norm_state: NormState,
    preprocessing: Any,
    images: Array,
    labels: Array,
    index: Array,
    *,
    spec: RunSpec,
    hyper: Hyper,
) -> tuple[Array, Array, NormState]:
    """`evaluate` with batch statistics, each batch moving the running ones as in training: D4's validation (S-101).

    Returns:
        (mean loss, accuracy in [0, 1], the moved norm_state).
    """
    how: dict[str, Any] = {"spec": spec, "hyper": hyper, "norm_stats": "batch"}
    return _over_pieces(params, norm_state, preprocessing, images, labels, index, **how)


def pad_to_pieces(index: Array, size: int) -> tuple[Array, Array]:
    """Rows in pieces of equal size, the last one padded with row 0.

    Args:
        index: [M], M above 0.
        size: rows of a piece; where M is smaller, it is M.

    Returns:
        (rows [P, size], mask [P, size], false for padding).
    """
    count = index.shape[0]
    size = min(size, count)
    pieces = -(-count // size)
    rows = jnp.pad(index, (0, pieces * size - count)).reshape(pieces, size)
    return rows, (jnp.arange(pieces * size) < count).reshape(pieces, size)


def _over_pieces(params, norm_state, preprocessing, images, labels, index, *, spec: RunSpec, hyper, norm_stats):
    """(mean loss, accuracy, norm_state, moved where the batch's statistics normalize)."""
    if norm_stats == "batch":
        size = spec.data.batch_size
        index = index[: max(size, index.shape[0] // size * size)]
    else:
        size = spec.evaluation.batch_size
    count = index.shape[0]
    if count == 0:
        return jnp.full((), jnp.nan), jnp.full((), jnp.nan), norm_state
    apply = PREPROCESSINGS[spec.data.preprocessing].apply
    mode = {"train": False, "norm_stats": norm_stats, "update_norm": norm_stats == "batch"}

    def piece(carry: tuple[Array, Array, NormState], rows: tuple[Array, Array]):
        loss_sum, right_sum, state = carry
        chosen, mask = rows
        x = apply(preprocessing, images[chosen])
        logits, state, _ = apply_mlp(params, state, x, spec=spec.mlp, hyper=hyper, precision=spec.precision, **mode)
        losses = losses_of(spec.loss.name, logits, labels[chosen], hyper)
        right = jnp.argmax(logits, axis=1) == labels[chosen]
        loss_sum = loss_sum + jnp.sum(jnp.where(mask, losses, jnp.zeros_like(losses)))
        return (loss_sum, right_sum + jnp.sum(mask & right, dtype=jnp.int32), state), None

    zero = (jnp.zeros(()), jnp.zeros((), jnp.int32), norm_state)
    (loss_sum, right, norm_state), _ = jax.lax.scan(piece, zero, pad_to_pieces(index, size))
    return loss_sum / count, right.astype(loss_sum.dtype) / count, norm_state
