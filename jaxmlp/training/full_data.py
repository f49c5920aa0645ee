"""Batch norm by the statistics of all training observations (S-031, D1): the prediction rule without moving averages.

Each normalized layer gets the mean and the biased variance of its input over all M rows, layer by layer: the input of
a layer is that of the network whose earlier layers already have theirs. So one pass over the rows per normalized
layer, and not one for all: layers that were still normalized by other statistics would hand on other inputs.

Pieces of rows are merged by their count n, mean μ and sum of squared deviations S (Chan, Golub and LeVeque 1979), with
δ = μ_b − μ_a and n = n_a + n_b:

    μ = μ_a + δ n_b/n      S = S_a + S_b + δ² n_a n_b/n      σ² = S/M

which does not cancel as E[x²] − μ² does where |μ| ≫ σ.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.errors import InputError
from jaxmlp.nn import NormState, apply_mlp
from jaxmlp.training.evaluation import pad_to_pieces
from jaxmlp.training.net import Net


class FeatureMoments(NamedTuple):
    """Of some rows, per feature."""

    n: Array
    """Number of rows, a scalar of float dtype: exact up to 2²⁴ rows in float32."""
    mean: Array
    """μ, [C]."""
    squares: Array
    """S = Σ (x − μ)², [C]."""


def full_data_norm_state(net: Net, images: Array, index: Array) -> NormState:
    """Compute batch norm's statistics over `images[index]`, to replace the running ones: `net.replace(norm_state=...)`.

    Rows go through in pieces of `spec.evaluation.batch_size`, which bounds memory and changes rounding alone.

    Args:
        net: of one run; of its running statistics only the shapes are read.
        images: [N, I], as stored.
        index: [M] int32, which rows: the run's training part.

    Returns:
        The state with every mean and variance replaced; a network without batch norm has none, and keeps its own.

    Raises:
        InputError: M is 0.

    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3, 2), norm="batch_norm", initializer="zeros")), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> state = full_data_norm_state(net, jnp.ones((5, 4), jnp.uint8), jnp.arange(5))
    >>> net.norm_state[0]["var"].tolist(), state[0]["var"].tolist()  # weights of zero: nothing varies
    ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    """
    if index.shape[0] == 0:
        raise InputError("statistics of all training observations need at least one: index is empty")
    spec, norm_state = net.spec, net.norm_state
    how: dict[str, Any] = {"spec": spec.mlp, "hyper": net.hyper, "train": False, "precision": spec.precision}
    rows = pad_to_pieces(index, min(spec.evaluation.batch_size, index.shape[0]))
    for layer, running in enumerate(norm_state):
        if not running:
            continue

        def input_of(chosen: Array, layer: int = layer, state: NormState = norm_state) -> Array | None:
            _, _, taps = apply_mlp(net.params[: layer + 1], state, net.preprocessed(images[chosen]), **how)
            return taps.norm_input[layer]

        moments = _moments_over(rows, input_of, running["mean"])
        statistics = {"mean": moments.mean, "var": moments.squares / moments.n}
        norm_state = (*norm_state[:layer], statistics, *norm_state[layer + 1 :])
    return norm_state


def _moments_over(rows: tuple[Array, Array], input_of, like: Array) -> FeatureMoments:
    """The moments of `input_of(rows [B]) -> [B, C]` over all pieces; `like` [C] says shape and dtype."""

    def add(total: FeatureMoments, piece: tuple[Array, Array]) -> tuple[FeatureMoments, None]:
        chosen, mask = piece
        return _merged(total, _moments_of(input_of(chosen), mask[:, None])), None

    nothing = FeatureMoments(jnp.zeros((), like.dtype), jnp.zeros_like(like), jnp.zeros_like(like))
    return jax.lax.scan(add, nothing, rows)[0]


def _moments_of(x: Array, mask: Array) -> FeatureMoments:
    """Of x [B, C] without its padding; mask [B, 1] has at least one true row."""
    n = jnp.sum(mask, dtype=x.dtype)
    mean = jnp.sum(jnp.where(mask, x, jnp.zeros_like(x)), axis=0) / n
    centred = jnp.where(mask, x - mean[None, :], jnp.zeros_like(x))
    return FeatureMoments(n, mean, jnp.sum(jnp.square(centred), axis=0))


def _merged(a: FeatureMoments, b: FeatureMoments) -> FeatureMoments:
    n = a.n + b.n
    delta = b.mean - a.mean
    share = b.n / n
    squares = a.squares + b.squares + jnp.square(delta) * (a.n * share)
    return FeatureMoments(n, a.mean + delta * share, squares)
