"""k-nearest neighbours in L1 and L2: distances in tiles on the device, one pass for every k (S-103).

With images a, b of I pixels, D4's distances are

    d₁(a, b) = Σ_i |a_i − b_i|          d₂(a, b) = √(Σ_i (a_i − b_i)²)

All B × N distances never exist at once: tiles of images meet all N training images, a tile keeps its k nearest.

Exactness. Distances of uint8 images are compared as integers, so that ties are real ties. L2 goes through one matrix
product, d₂² = |a|² − 2 a·b + |b|², which 784 pixels up to 255 would round in float32: 784 × 255² is above 2²⁴, where
float32 ceases to hold every integer. But distances do not change when 128 is subtracted from every pixel, and then
|a·b| ≤ I × 128² ≤ 2²⁴ for I ≤ 1024: every partial sum is an integer below 2²⁴, and the product is exact in whatever
order it is summed. Wider images are multiplied in pieces of 1024 pixels. Points that are floats already take
the sum of differences in either metric: the expansion would cancel.
"""

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxmlp.baselines.voting import majority_vote
from jaxmlp.errors import InputError, check_choice

DISTANCES = ("l1", "l2")
"""d₁ and d₂."""

_TILE = 2**24
"""Distances of one tile: 64 MiB as int32, whatever N is."""

_EXACT_WIDTH = 1024
"""Pixels in −128..127 whose sum of products stays within ±2²⁴."""

_BLOCK = 16
"""Pixels that one sweep over a tile adds up; 16 × 255 fits int16, which a CPU adds 32 at a time."""

_SMALLEST_NORMAL = 2**23
"""The bits of the smallest normal float32, read as an integer."""

_WIDEST = (0x7F800000 - _SMALLEST_NORMAL) // 255**2
"""Pixels of the widest uint8 image whose squared distances, shifted by `_SMALLEST_NORMAL`, are floats below ∞."""


def nearest_neighbours(train_inputs: Array, inputs: Array, k: int, *, metric: str = "l2") -> tuple[Array, Array]:
    """The k training images that are nearest to each image.

    Several k, or several labellings of the training images, need one call with the largest k: see `neighbour_votes`.

    Args:
        train_inputs: [N, I], uint8 or floating.
        inputs: [B, I], of the same dtype.
        k: how many neighbours, 1..N; static.
        metric: one of `DISTANCES`; static.

    Returns:
        (index int32 [B, k], distance [B, k]), nearest first and equal distances by lower index. Distances are
        d₁ or d₂, float32 for uint8 images; these are ordered by their exact integers, before any rounding.

    Raises:
        InputError: unknown metric, `k` outside 1..N, or images that do not belong together.

    >>> index, distances = nearest_neighbours(jnp.array([[0.0], [3.0], [9.0]]), jnp.array([[2.0]]), 2)
    >>> index.tolist(), distances.tolist()
    ([[1, 0]], [[1.0, 2.0]])
    """
    check_choice("metric", metric, DISTANCES)
    _check_images(train_inputs, inputs)
    if not 1 <= k <= train_inputs.shape[0]:
        raise InputError(f"k is {k} of {train_inputs.shape[0]} training images: give 1 to {train_inputs.shape[0]}")
    return _nearest_neighbours(train_inputs, inputs, k, metric)


def neighbour_votes(index: Array, train_targets: Array, ks: Sequence[int], num_classes: int) -> Array:
    """The class that most of the k nearest neighbours have, for several k.

    Args:
        index: int32 [B, k], the neighbours by rising distance, of `nearest_neighbours`.
        train_targets: int32 [N], 0..K−1.
        ks: the numbers of neighbours that vote, each at most `index`'s k; static.
        num_classes: K; static.

    Returns:
        int32 [len(ks), B]; classes with equally many votes: the lowest.

    Raises:
        InputError: no `ks`, or one of them outside 1..k.

    >>> neighbour_votes(jnp.array([[0, 2, 1]]), jnp.array([1, 0, 0]), ks=(1, 3), num_classes=2).tolist()
    [[1], [0]]
    """
    _check_ks(ks, index.shape[1])
    return _votes(index, train_targets, tuple(ks), num_classes)


def knn_classify(
    train_inputs: Array,
    train_targets: Array,
    inputs: Array,
    *,
    ks: Sequence[int],
    num_classes: int,
    metric: str = "l2",
) -> Array:
    """k-nearest-neighbour classification for several k from one pass over the distances (S-103; k = 1, 1-NN).

    Args:
        train_inputs: [N, I], uint8 or floating.
        train_targets: int32 [N], 0..K−1.
        inputs: [B, I], of the same dtype.
        ks: numbers of neighbours, each 1..N; static.
        num_classes: K; static.
        metric: one of `DISTANCES`; static.

    Returns:
        Classes, int32 [len(ks), B]. Equal distances: the lower index is nearer. Equal votes: the lowest class.

    Raises:
        InputError: as `nearest_neighbours` and `neighbour_votes`; labels that are not one for each training image.

    >>> rows, labels = jnp.array([[0.0], [3.0], [4.0]]), jnp.array([1, 0, 0])
    >>> knn_classify(rows, labels, jnp.array([[1.0]]), ks=(1, 3), num_classes=2).tolist()  # one nearest, three nearest
    [[1], [0]]
    """
    if train_targets.shape != train_inputs.shape[:1]:
        raise InputError(f"{train_targets.shape} labels for {train_inputs.shape} training images: give one label each")
    _check_ks(ks, train_inputs.shape[0])
    index, _ = nearest_neighbours(train_inputs, inputs, max(ks), metric=metric)
    return neighbour_votes(index, train_targets, ks, num_classes)


def _check_ks(ks: Sequence[int], most: int) -> None:
    if not isinstance(ks, Sequence) or not ks or not all(isinstance(k, Integral) and 1 <= k <= most for k in ks):
        raise InputError(f"ks is {ks!r}: give a tuple or list with one or more of 1 to {most}, the neighbours at hand")


def _check_images(train_inputs: Array, inputs: Array) -> None:
    if train_inputs.ndim != 2 or inputs.ndim != 2 or train_inputs.shape[1] != inputs.shape[1]:
        raise InputError(
            f"training images {train_inputs.shape} and images {inputs.shape}: give [N, I] and [B, I] with the same I"
        )
    is_uint8 = train_inputs.dtype == jnp.uint8
    if train_inputs.dtype != inputs.dtype or not (is_uint8 or jnp.issubdtype(inputs.dtype, jnp.floating)):
        raise InputError(
            f"training images of {train_inputs.dtype} and images of {inputs.dtype}: give both uint8 or the same float"
        )
    if is_uint8 and inputs.shape[1] > _WIDEST:
        raise InputError(f"uint8 images of {inputs.shape[1]} pixels: give at most {_WIDEST}, or floats")


@partial(jax.jit, static_argnames=("k", "metric"))
def _nearest_neighbours(train_inputs: Array, inputs: Array, k: int, metric: str) -> tuple[Array, Array]:
    (num_images, num_inputs), num_train = inputs.shape, train_inputs.shape[0]
    rows = max(1, min(num_images, _TILE // num_train))
    tiles = -(-num_images // rows)
    padded = jnp.pad(inputs, ((0, tiles * rows - num_images), (0, 0))).reshape(tiles, rows, num_inputs)
    distances_to = _distances(train_inputs, metric)
    index, distance = lax.map(lambda tile: _smallest(distances_to(tile), k), padded)
    index, distance = (a.reshape(tiles * rows, k)[:num_images] for a in (index, distance))
    if inputs.dtype == jnp.uint8:
        distance = distance.astype(jnp.float32)
    return index, jnp.sqrt(distance) if metric == "l2" else distance


@partial(jax.jit, static_argnames=("ks", "num_classes"))
def _votes(index: Array, train_targets: Array, ks: tuple[int, ...], num_classes: int) -> Array:
    votes = train_targets[index.T]
    return jnp.stack([majority_vote(votes[:k], num_classes) for k in ks])


def _distances(train_inputs: Array, metric: str) -> Callable[[Array], Array]:
    """From a tile of images [T, I] to d₁ or d₂² [T, N]; what only the training images need is done once, here."""
    if metric == "l1":
        return _summed_differences(train_inputs, jnp.abs)
    if train_inputs.dtype == jnp.uint8:
        return _expanded_squares(train_inputs)
    return _summed_differences(train_inputs, jnp.square)


def _expanded_squares(train_inputs: Array) -> Callable[[Array], Array]:
    """|a|² − 2 a·b + |b|² of uint8 images as int32, exactly (see the module's docstring)."""
    train, train_norm = _centred(train_inputs)

    def distances(tile: Array) -> Array:
        x, norm = _centred(tile)
        dot = jnp.zeros((x.shape[0], train.shape[0]), jnp.int32)
        for start in range(0, x.shape[1], _EXACT_WIDTH):
            piece = slice(start, start + _EXACT_WIDTH)
            product = jnp.matmul(x[:, piece], train[:, piece].T, precision=lax.Precision.HIGHEST)
            dot += product.astype(jnp.int32)
        return norm[:, None] - 2 * dot + train_norm[None, :]

    return distances


def _centred(images: Array) -> tuple[Array, Array]:
    """Pixels less 128 as float32 [B, I], and their sum of squares, int32 [B]."""
    centred = images.astype(jnp.int32) - 128
    return centred.astype(jnp.float32), jnp.sum(jnp.square(centred), axis=1, dtype=jnp.int32)


def _summed_differences(train_inputs: Array, term: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Σ_i term(a_i − b_i) by sweeps over the tile, `_BLOCK` pixels each: no [T, N, I] array, long vectors along N."""
    is_uint8 = train_inputs.dtype == jnp.uint8
    narrow, wide = (jnp.int16, jnp.int32) if is_uint8 else (train_inputs.dtype, train_inputs.dtype)
    train = _blocks_of_inputs(train_inputs)

    def distances(tile: Array) -> Array:
        def add(total: Array, block: tuple[Array, Array]) -> tuple[Array, None]:
            a, b = (pixels.astype(narrow) for pixels in block)
            sweep = sum(term(a[i][:, None] - b[i][None, :]) for i in range(_BLOCK))
            return total + jnp.asarray(sweep, wide), None

        nothing = jnp.zeros((tile.shape[0], train_inputs.shape[0]), wide)
        return lax.scan(add, nothing, (_blocks_of_inputs(tile), train))[0]

    return distances


def _blocks_of_inputs(images: Array) -> Array:
    """[B, I] -> [I / _BLOCK, _BLOCK, B], filled up with zeros, which differ by nothing."""
    padded = jnp.pad(images, ((0, 0), (0, -images.shape[1] % _BLOCK)))
    return padded.T.reshape(-1, _BLOCK, images.shape[0])


def _smallest(distances: Array, k: int) -> tuple[Array, Array]:
    """Index and value of the k smallest of each row of [T, N], equal ones by lower index; [T, k] each.

    Integers are compared as the floats of the same bits: for positive numbers the order is the same, and on a CPU
    XLA selects from float32 sixty times faster. The shift keeps them clear of subnormals, which a device may flush.
    """
    keys = distances
    if jnp.issubdtype(distances.dtype, jnp.integer):
        keys = lax.bitcast_convert_type(distances + _SMALLEST_NORMAL, jnp.float32)
    index = lax.top_k(-keys, k)[1]
    return index, jnp.take_along_axis(distances, index, axis=1)
