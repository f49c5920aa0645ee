"""Loss and score over any set of examples, in bounded memory, and whose statistics normalize there.

The score is the accuracy of classes, or R² of numbers: see `jaxmlp.training.score`.

Batch norm can be evaluated in three ways (S-031): with the running statistics, with those of the batch, and with those
of all training observations, which is the first way with the state from `full_data_norm_state`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError
from jaxmlp.nn import NormState, apply_mlp, losses_of
from jaxmlp.training.net import Net
from jaxmlp.training.score import is_right, r2_of_squares, squares_left
from jaxmlp.training.spec import RunSpec


def evaluate(
    net: Net, images: Array, labels: Array, index: Array, *, norm_stats: str = "running"
) -> tuple[Array, Array]:
    """Mean loss and score over `images[index]`; dropout is off, and classes are not weighted.

    With running statistics every example counts once. With the batch's, rows are taken in order in batches of
    `spec.data.batch_size`, the size the network was trained with, and the ragged tail is left out as in training: its
    statistics would be those of fewer rows. Fewer rows than one batch are one batch.

    Args:
        net: of one run.
        images: [N, I], as stored.
        labels: [N] integers, or the float targets of numbers, [N, T].
        index: [M] int32, which rows, at least one.
        norm_stats: whose statistics normalize, `"running"` or `"batch"`.

    Returns:
        (mean loss, score: the accuracy in [0, 1], or R²), scalars.

    Raises:
        InputError: unknown `norm_stats`, or no rows, which have no mean.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 2), initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> loss, score = evaluate(net, jnp.ones((5, 4), jnp.uint8), jnp.array([0, 0, 0, 1, 1]), jnp.arange(5))
    >>> round(float(loss), 4), round(float(score), 2)  # zeros say class 0, with a loss of ln 2
    (0.6931, 0.6)
    """
    return _over_pieces(net, images, labels, [index], norm_stats)[0][0]


def evaluate_each(net: Net, images: Array, labels: Array, indices: Sequence[Array]) -> list[tuple[Array, Array]]:
    """`evaluate` with running statistics on several sets of rows: one network to compile instead of several.

    Returns:
        (mean loss, score) of each set.
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
        then: further rows, maybe none, whose batches move the statistics after those of `index`, and are not counted.

    Returns:
        (mean loss, score, the moved norm_state).

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2), norm="batch_norm")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> images = jnp.arange(20, dtype=jnp.uint8).reshape(5, 4)
    >>> _, _, moved = evaluate_in_train_mode(net, images, jnp.zeros(5, int), jnp.arange(5))
    >>> bool((moved[0]["mean"] == net.norm_state[0]["mean"]).all())
    False
    """
    indices = [index] if then is None or then.shape[0] == 0 else [index, then]
    [(loss, score), *_], moved = _over_pieces(net, images, labels, indices, "batch")
    return loss, score, moved


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
    """([(mean loss, score)] of each index, norm_state, moved where the batch's statistics normalize)."""
    spec, hyper, norm_state = net.spec, net.hyper, net.norm_state
    size = spec.evaluation.batch_size
    if norm_stats == "batch":
        size = spec.data.batch_size
        indices = [index[: max(size, index.shape[0] // size * size)] for index in indices]
    counts = [index.shape[0] for index in indices]
    if 0 in counts:
        raise InputError("there are no rows to evaluate: give an index of at least one")
    size = min(size, max(counts))
    mode = {"train": False, "norm_stats": norm_stats, "update_norm": norm_stats == "batch"}

    def piece(state: NormState, rows: tuple[Array, Array]):
        chosen, mask = rows
        x = net.preprocessed(images[chosen])
        how = {"spec": spec.mlp, "hyper": hyper, "precision": spec.precision} | mode
        outputs, state, _ = apply_mlp(net.params, state, x, **how)
        losses = losses_of(spec.loss.name, outputs, labels[chosen], hyper)
        loss_sum = jnp.sum(jnp.where(mask, losses, jnp.zeros_like(losses)))
        return state, (loss_sum, _counted(outputs, labels[chosen], mask, spec))

    rows, masks = zip(*(pad_to_pieces(index, size) for index in indices), strict=True)
    pieces = jnp.concatenate(rows), jnp.concatenate(masks)
    norm_state, (loss_sums, counted) = jax.lax.scan(piece, norm_state, pieces)
    results, first = [], 0
    for index, count in zip(indices, counts, strict=True):
        mine = slice(first, first + -(-count // size))
        results.append(_means(loss_sums[mine], counted[mine], labels, index, spec))
        first = mine.stop
    return results, norm_state


def _counted(outputs: Array, labels: Array, mask: Array, spec: RunSpec) -> Array:
    """What a piece adds to its set's score: how many classes are right, int32, or the squares left of numbers, [T]."""
    if spec.loss.task == "numbers":
        left = squares_left(outputs, labels)
        return jnp.sum(jnp.where(mask[:, None], left, jnp.zeros_like(left)), axis=0)
    return jnp.sum(mask & is_right(outputs, labels, spec), dtype=jnp.int32)


def _means(loss_sums: Array, counted: Array, labels: Array, index: Array, spec: RunSpec) -> tuple[Array, Array]:
    """(mean loss, score) of the rows of an index, from the sums of every piece."""
    count = index.shape[0]
    loss_sum = jnp.sum(loss_sums)
    if spec.loss.task == "numbers":
        return loss_sum / count, r2_of_squares(jnp.sum(counted, axis=0), labels[index])
    return loss_sum / count, jnp.sum(counted).astype(loss_sum.dtype) / count
