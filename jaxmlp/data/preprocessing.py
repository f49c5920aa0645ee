"""Preprocessings as fit/apply pairs: `fit` once per run on its training part, `apply` on each batch in the step.

Images stay uint8 [N, I] on the device. `fit(images, index)` looks at the rows `index` [M] in chunks, so that many
runs with different training parts can fit side by side under vmap without float copies of their images;
`apply(state, images)` turns a batch [B, I] into float32. With u = x/255:

| name | y | fitted on | source |
|---|---|---|---|
| unit | u | – | S-002, S-012 |
| shifted | (x - 128)/255 | – | S-004 |
| global_mean | x - m, m the scalar mean of x; no scaling | **all** images, validation too | S-007 |
| train_mean | u - m, m the scalar mean of u | training part | S-010 |
| sample_mean | u - the image's own mean | – | S-009 |
| standardize | (u - m)/s per pixel; s = 1 where a pixel is constant | training part | S-011 |
| pca_whiten | (u - m) V (Λ + ε)^-1/2, largest variance first | training part | S-011 |
| zca_whiten | (u - m) V (Λ + ε)^-1/2 Vᵀ, the whitening that stays nearest to the image | training part | S-011 |
| none | x, for points that are float32 already | – | S-014, S-015 |
| z_score | (x - m)/s per float32 input, as all below; s = 1 where one is constant | training part | S-011 |
| min_max | (x - low)/(high - low) per input, 0 to 1 on the training part | training part | – |
| z_score_pca_whiten | ((x - m)/s) V (Λ + ε)^-1/2, V and Λ those of the correlation matrix | training part | S-011 |
| z_score_zca_whiten | ((x - m)/s) V (Λ + ε)^-1/2 Vᵀ | training part | S-011 |

Means and covariances divide by M. V and Λ are the eigenvectors and eigenvalues of the covariance of u.
Inputs of a table have units of their own, so their whitenings begin with the z-score: the correlation matrix has no
units, and ε means the same for all.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxmlp.components import Components
from jaxmlp.data.dataset import Dataset
from jaxmlp.errors import InputError, check_choice

WHITENING_EPSILON = 1e-5
"""ε, added to every eigenvalue before its root (the usual value for data in [0, 1]). A direction of variance v ends
with variance v/(v + ε): 1 for real variation, near 0 for the constant pixels at the borders, whose eigenvalues are
rounding noise (about 1e-7)."""

_CONSTANT_STD = 1e-6
"""Below this a pixel is constant but for rounding: one grey level in one of a million images gives 4e-6. A float input
is constant below this share of its mean, which float32 resolves to 6e-8."""

_CHUNK = 512

State = Any
"""Pytree of float32 arrays; () where nothing is fitted."""


class Preprocessing(NamedTuple):
    """`fit(images [N, I], index int32 [M]) -> state` and `apply(state, images [B, I]) -> float32 [B, I]`.

    The shapes of the state depend on N, M and I alone: `fit` runs inside compiled programs.

    >>> import jax.numpy as jnp
    >>> from jaxmlp import data, training
    >>> def highest(images, index):
    ...     return jnp.max(images[index]).astype(jnp.float32)
    >>> row = data.Preprocessing(highest, lambda highest, images: images.astype(jnp.float32) / highest)
    >>> training.DataSpec(preprocessing=data.PREPROCESSINGS.register("by_highest", row)).preprocessing
    'by_highest'
    """

    fit: Callable[[Array, Array], State]
    apply: Callable[[State, Array], Array]
    images: bool = True
    """It takes uint8 images; False: float points."""

    @property
    def takes(self) -> str:
        """What it takes, in words."""
        return "uint8 images" if self.images else "float points"


def check_preprocessing(name: str, dataset: Dataset) -> None:
    """Check that a preprocessing exists and suits the values of a data set.

    Raises:
        InputError: unknown name, one of float points for uint8 images, or the other way round.

    >>> from jaxmlp import data
    >>> check_preprocessing("unit", data.load("digits"))
    >>> check_preprocessing("unit", data.load("iris"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: preprocessing 'unit' is for uint8 images, 'iris' has float points: choose one of none, ...
    """
    check_choice("preprocessing", name, PREPROCESSINGS)
    row, images = PREPROCESSINGS[name], dataset.train_inputs.dtype == np.uint8
    if row.images != images:
        suited = [other for other in PREPROCESSINGS if PREPROCESSINGS[other].images == images]
        raise InputError(
            f"preprocessing {name!r} is for {row.takes}, {dataset.name!r} has "
            f"{PREPROCESSINGS[suited[0]].takes}: choose one of {', '.join(suited)}"
        )


def _unit(images: Array) -> Array:
    return images.astype(jnp.float32) / 255


def _sum_over(images: Array, index: Array, term: Callable[[Array, Array], Array]) -> Array:
    """Sum of a term over the chosen images, in chunks that bound the copies.

    Args:
        images: uint8 or float32 [N, I].
        index: int32 [M].
        term: from a chunk of images uint8 [B, I] and its row mask [B, 1], false for padding, to the sum of the chunk.
    """
    count = index.shape[0]
    chunks = -(-count // _CHUNK)
    rows = jnp.pad(index, (0, chunks * _CHUNK - count)).reshape(chunks, _CHUNK)
    mask = (jnp.arange(chunks * _CHUNK) < count).reshape(chunks, _CHUNK, 1)

    def add(total: Array, chunk: tuple[Array, Array]) -> tuple[Array, None]:
        return total + term(images[chunk[0]], chunk[1]), None

    zero = jax.eval_shape(lambda: term(images[rows[0]], mask[0]))
    total, _ = lax.scan(add, jnp.zeros(zero.shape, zero.dtype), (rows, mask))
    return total


def _pixel_mean(images: Array, index: Array) -> Array:
    """Mean of x per pixel, [I].

    The sums are integers (below 2³¹ up to eight million images), so that a constant pixel has exactly its value as
    mean: sums in float32 drift by 1e-6, which would pass for a standard deviation.
    """
    total = _sum_over(images, index, lambda x, mask: jnp.sum(jnp.where(mask, x, 0), axis=0, dtype=jnp.int32))
    return total.astype(jnp.float32) / index.shape[0]


def _centred(x: Array, mask: Array, mean: Array) -> Array:
    """u - mean [B, I], and 0 in the rows that are padding."""
    return jnp.where(mask, _unit(x) - mean[None, :], 0.0)


def _fit_nothing(images: Array, index: Array) -> State:
    return ()


def _fit_global_mean(images: Array, index: Array) -> State:
    """S-007 leaks, harmlessly: the document's mean is taken over the validation part too."""
    everything = jnp.arange(images.shape[0], dtype=jnp.int32)
    return jnp.mean(_pixel_mean(images, everything))


def _fit_train_mean(images: Array, index: Array) -> State:
    return jnp.mean(_pixel_mean(images, index)) / 255


def _fit_standardize(images: Array, index: Array) -> State:
    mean = _pixel_mean(images, index) / 255
    squares = _sum_over(images, index, lambda x, mask: jnp.sum(_centred(x, mask, mean) ** 2, axis=0))
    std = jnp.sqrt(squares / index.shape[0])
    return mean, jnp.where(std > _CONSTANT_STD, std, jnp.ones_like(std))


def _fit_whitening(images: Array, index: Array, *, back: bool) -> State:
    """(mean [I], matrix [I, I]) with y = (u - mean) matrix; `back` rotates into pixel space again (ZCA)."""
    mean = _pixel_mean(images, index) / 255

    def scatter(x: Array, mask: Array) -> Array:
        centred = _centred(x, mask, mean)
        return jnp.matmul(centred.T, centred, precision=lax.Precision.HIGHEST)

    return mean, _whitening(_sum_over(images, index, scatter) / index.shape[0], back=back)


def _whitening(covariance: Array, *, back: bool) -> Array:
    """V (Λ + ε)^-1/2, largest variance first, or V (Λ + ε)^-1/2 Vᵀ."""
    variances, axes = jnp.linalg.eigh(covariance)  # smallest first
    scaled = axes * lax.rsqrt(jnp.maximum(variances, 0.0) + WHITENING_EPSILON)[None, :]
    return jnp.matmul(scaled, axes.T, precision=lax.Precision.HIGHEST) if back else scaled[:, ::-1]


def _whiten(state: State, images: Array) -> Array:
    return _whiten_floats(state, _unit(images))


def _mean_of_floats(x: Array, index: Array) -> Array:
    """Mean of float32 inputs, [I]: a first mean and that of what it leaves: a large common part costs no digits."""

    def mean_above(low: Array) -> Array:
        total = _sum_over(x, index, lambda x, mask: jnp.sum(jnp.where(mask, x - low[None, :], 0.0), axis=0))
        return total / index.shape[0]

    first = mean_above(jnp.zeros(x.shape[1], jnp.float32))
    return first + mean_above(first)


def _fit_z_score(x: Array, index: Array) -> State:
    mean = _mean_of_floats(x, index)
    squares = _sum_over(x, index, lambda x, mask: jnp.sum(jnp.where(mask, x - mean[None, :], 0.0) ** 2, axis=0))
    std = jnp.sqrt(squares / index.shape[0])
    return mean, jnp.where(std > _CONSTANT_STD * jnp.abs(mean), std, jnp.ones_like(std))


def _z_score(state: State, x: Array) -> Array:
    return (x - state[0][None, :]) / state[1][None, :]


def _fit_min_max(x: Array, index: Array) -> State:
    low, high = jnp.min(x[index], axis=0), jnp.max(x[index], axis=0)
    return low, jnp.where(high > low, high - low, jnp.ones_like(low))


def _fit_z_score_whitening(x: Array, index: Array, *, back: bool) -> State:
    """(mean [I], matrix [I, I]) with y = (x - mean) matrix."""
    mean, std = _fit_z_score(x, index)

    def scatter(x: Array, mask: Array) -> Array:
        centred = jnp.where(mask, _z_score((mean, std), x), 0.0)
        return jnp.matmul(centred.T, centred, precision=lax.Precision.HIGHEST)

    matrix = _whitening(_sum_over(x, index, scatter) / index.shape[0], back=back)
    return mean, matrix / std[:, None]


def _whiten_floats(state: State, x: Array) -> Array:
    mean, matrix = state
    return jnp.matmul(x - mean[None, :], matrix, precision=lax.Precision.HIGHEST)


def _apply_sample_mean(state: State, images: Array) -> Array:
    u = _unit(images)
    return u - jnp.mean(u, axis=1, keepdims=True)


PREPROCESSINGS: Components[Preprocessing] = Components(
    "preprocessing",
    Preprocessing,
    {
        "unit": Preprocessing(_fit_nothing, lambda state, images: _unit(images)),
        "shifted": Preprocessing(_fit_nothing, lambda state, images: (images.astype(jnp.float32) - 128) / 255),
        "global_mean": Preprocessing(_fit_global_mean, lambda mean, images: images.astype(jnp.float32) - mean),
        "train_mean": Preprocessing(_fit_train_mean, lambda mean, images: _unit(images) - mean),
        "sample_mean": Preprocessing(_fit_nothing, _apply_sample_mean),
        "standardize": Preprocessing(
            _fit_standardize, lambda state, images: (_unit(images) - state[0][None, :]) / state[1][None, :]
        ),
        "pca_whiten": Preprocessing(partial(_fit_whitening, back=False), _whiten),
        "zca_whiten": Preprocessing(partial(_fit_whitening, back=True), _whiten),
        "none": Preprocessing(_fit_nothing, lambda state, images: images, images=False),
        "z_score": Preprocessing(_fit_z_score, _z_score, images=False),
        "min_max": Preprocessing(_fit_min_max, _z_score, images=False),
        "z_score_pca_whiten": Preprocessing(partial(_fit_z_score_whitening, back=False), _whiten_floats, images=False),
        "z_score_zca_whiten": Preprocessing(partial(_fit_z_score_whitening, back=True), _whiten_floats, images=False),
    },
)
"""The library's own, and what `PREPROCESSINGS.register` adds."""
