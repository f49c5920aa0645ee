"""A net's loss on named rows as a function of its parameters alone: what curvature and surfaces are taken of."""

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.errors import InputError, check_choice, check_count
from jaxmlp.nn import Params, apply_mlp, losses_of
from jaxmlp.nn.spec import NORM_STATS
from jaxmlp.probes.curvature import LossFunction, gradient_sharpness
from jaxmlp.training.evaluation import pad_to_pieces
from jaxmlp.training.net import Net
from jaxmlp.training.regularized import penalized


def net_loss(net: Net, images: Array, labels: Array, *, norm_stats: str, batch_size: int | None = None) -> LossFunction:
    """The mean loss on some rows, penalty included, as a function of the parameters.

    The statistics of batch norm make two different functions of one net: those of the batch are training mode, in which
    the loss does not change with the scale of filters; the running ones, constants here, are evaluation mode. In
    training mode the batch size is part of the function. Dropout is off in both, and every row weighs the same.

    Args:
        net: of one run; its parameters are not read.
        images: [M, I], as stored.
        labels: [M] integers, or the targets of numbers, [M, T].
        norm_stats: `"batch"` or `"running"`.
        batch_size: rows that go through at once, which bounds memory. With the batch's statistics they are a batch, the
            ragged tail is left out as in training, and the default is `net.spec.data.batch_size`; with running ones
            every row counts, and the default is `net.spec.evaluation.batch_size`.

    Returns:
        params -> scalar. Gradients and products with the Hessian hold one piece's activations at a time.

    Raises:
        InputError: an unknown `norm_stats`, no rows, or a batch size that is no positive integer.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 2), initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> loss = net_loss(net, jnp.ones((5, 4), jnp.uint8), jnp.zeros(5, int), norm_stats="running")
    >>> round(float(loss(net.params)), 4)  # ln 2
    0.6931
    """
    check_choice("norm_stats", norm_stats, NORM_STATS)
    if images.shape[0] == 0:
        raise InputError("a loss of no rows: give at least one image")
    spec = net.spec
    size = batch_size or (spec.data.batch_size if norm_stats == "batch" else spec.evaluation.batch_size)
    check_count("batch size", size)
    size = min(size, images.shape[0])
    count = images.shape[0] // size * size if norm_stats == "batch" else images.shape[0]
    pieces = pad_to_pieces(jnp.arange(count), size)
    how = {"spec": spec.mlp, "hyper": net.hyper, "precision": spec.precision, "backward": spec.backward}

    @jax.checkpoint
    def piece(params: Params, rows: Array, mask: Array) -> Array:
        x, modes = net.preprocessed(images[rows]), {"train": False, "norm_stats": norm_stats, "update_norm": False}
        logits, _, _ = apply_mlp(params, net.norm_state, x, **how, **modes)
        losses = losses_of(spec.loss.name, logits, labels[rows], net.hyper)
        return jnp.sum(jnp.where(mask, losses, jnp.zeros_like(losses)))

    def loss(params: Params) -> Array:
        dtype = params[0]["weight"].dtype
        total, _ = lax.scan(lambda so_far, rows: (so_far + piece(params, *rows), None), jnp.zeros((), dtype), pieces)
        return penalized(total / count, params, spec.loss, net.hyper)

    return loss


def batch_sharpness(
    net: Net, images: Array, labels: Array, *, norm_stats: str = "batch", batch_size: int | None = None
) -> Array:
    """Sharpness along the gradient of every batch by itself, gᵀHg/gᵀg with g and H of that batch's loss.

    Its mean over batches is what mini-batch training holds against 2/η; see `gradient_sharpness`.

    Args:
        net: of one run.
        images: [M, I], as stored.
        labels: [M] integers.
        norm_stats: `"batch"` or `"running"`.
        batch_size: B; default: `net.spec.data.batch_size`.

    Returns:
        [M // B], of rows in order, one batch after another; the ragged tail is left out.

    Raises:
        InputError: an unknown `norm_stats`, or fewer rows than one batch.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 2))), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> images, labels = jnp.arange(20, dtype=jnp.uint8).reshape(5, 4), jnp.arange(5) % 2
    >>> found = batch_sharpness(net, images, labels, batch_size=2)
    >>> found.shape, bool((found >= 0).all())  # cross-entropy of a linear net is convex
    ((2,), True)
    """
    size = batch_size or net.spec.data.batch_size
    check_count("batch size", size)
    count = images.shape[0] // size
    if count == 0:
        raise InputError(f"{images.shape[0]} rows are less than one batch: give at least {size}, or a batch_size")

    def sharpness(rows: Array) -> Array:
        loss = net_loss(net, images[rows], labels[rows], norm_stats=norm_stats, batch_size=size)
        return gradient_sharpness(loss, net.params)

    return lax.map(sharpness, jnp.arange(count * size).reshape(count, size))
