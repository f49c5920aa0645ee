"""Loss and accuracy over any set of examples, in bounded memory, and whose statistics normalize there.

Batch norm can be evaluated in three ways (S-031): with the running statistics, with those of the batch, and with those
of all training observations, which is the first way with the state from `full_data_norm_state`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.nn import NormState, apply_mlp, losses_of
from jaxmlp.training.net import Net


def evaluate(
    net: Net, images: Array, labels: Array, index: Array, *, norm_stats: str = "running"
) -> tuple[Array, Array]:
    """Mean loss and accuracy over `images[index]`; dropout is off.

    With running statistics every example counts once. With the batch's, rows are taken in order in batches of
    `spec.data.batch_size`, the size the network was trained with, and the ragged tail is left out as in training: its
    statistics would be those of fewer rows. Fewer rows than one batch are one batch.

    Args:
        net: of one run.
        images: [N, I], as stored.
        labels: [N] integers.
        index: [M] int32, which rows.
        norm_stats: whose statistics normalize, `"running"` or `"batch"`.

    Returns:
        (mean loss, accuracy in [0, 1]), scalars; NaN for both when M is 0.

    Raises:
        InputError: unknown `norm_stats`.
    """
    return _over_pieces(net, images, labels, [index], norm_stats)[0][0]


def evaluate_each(net: Net, images: Array, labels: Array, indices: Sequence[Array]) -> list[tuple[Array, Array]]:
    """`evaluate` with running statistics on several sets of rows: one network to compile instead of several.

    Returns:
        (mean loss, accuracy in [0, 1]) of each set.
    """
    return _over_pieces(net, images, labels, indices, "running")[0]


def evaluate_in_train_mode(
    net: Net, images: Array, labels: Array, index: Array, *, then: Array | None = None
) -> tuple[Array, Array, NormState]:
    """`evaluate` with batch statistics, each batch moving the running ones as in training: D4's validation (S-101).

    Args:
        net: of one run.
        images: [N, I], as stored.
        labels: [N] integers.
        index: [M] int32, which rows.
        then: further rows, whose batches move the statistics after those of `index`, and are not counted.

    Returns:
        (mean loss, accuracy in [0, 1], the moved norm_state).
    """
    indices = [index] if then is None else [index, then]
    [(loss, accuracy), *_], moved = _over_pieces(net, images, labels, indices, "batch")
    return loss, accuracy, moved


def pad_to_pieces(index: Array, size: int) -> tuple[Array, Array]:
    """Rows in pieces of equal size, the last one padded with row 0.

    Args:
        index: [M].
        size: rows of a piece, above 0.

    Returns:
        (rows [P, size], mask [P, size], false for padding).
    """
    count = index.shape[0]
    pieces = -(-count // size)
    rows = jnp.pad(index, (0, pieces * size - count)).reshape(pieces, size)
    return rows, (jnp.arange(pieces * size) < count).reshape(pieces, size)


def _over_pieces(net: Net, images: Array, labels: Array, indices: Sequence[Array], norm_stats: str):
    """([(mean loss, accuracy)] of each index, norm_state, moved where the batch's statistics normalize)."""
    spec, hyper, norm_state = net.spec, net.hyper, net.norm_state
    size = spec.evaluation.batch_size
    if norm_stats == "batch":
        size = spec.data.batch_size
        indices = [index[: max(size, index.shape[0] // size * size)] for index in indices]
    counts = [index.shape[0] for index in indices]
    size = min(size, max(counts))
    mode = {"train": False, "norm_stats": norm_stats, "update_norm": norm_stats == "batch"}

    def piece(state: NormState, rows: tuple[Array, Array]):
        chosen, mask = rows
        x = net.preprocessed(images[chosen])
        logits, state, _ = apply_mlp(net.params, state, x, spec=spec.mlp, hyper=hyper, precision=spec.precision, **mode)
        losses = losses_of(spec.loss.name, logits, labels[chosen], hyper)
        right = jnp.argmax(logits, axis=1) == labels[chosen]
        loss_sum = jnp.sum(jnp.where(mask, losses, jnp.zeros_like(losses)))
        return state, (loss_sum, jnp.sum(mask & right, dtype=jnp.int32))

    if size == 0:
        return [_means(jnp.zeros((0,)), jnp.zeros((0,), jnp.int32), 0) for _ in counts], norm_state
    rows, masks = zip(*(pad_to_pieces(index, size) for index in indices), strict=True)
    pieces = jnp.concatenate(rows), jnp.concatenate(masks)
    norm_state, (loss_sums, rights) = jax.lax.scan(piece, norm_state, pieces)
    results, first = [], 0
    for count in counts:
        mine = slice(first, first + -(-count // size))
        results.append(_means(loss_sums[mine], rights[mine], count))
        first = mine.stop
    return results, norm_state


def _means(loss_sums: Array, rights: Array, count: int) -> tuple[Array, Array]:
    """(mean loss, accuracy) from the sums of every piece; NaN for both where nothing was counted."""
    if count == 0:
        return jnp.full((), jnp.nan), jnp.full((), jnp.nan)
    loss_sum = jnp.sum(loss_sums)
    return loss_sum / count, jnp.sum(rights).astype(loss_sum.dtype) / count
