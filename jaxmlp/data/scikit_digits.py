"""The built-in data set: scikit-learn's 1797 handwritten digits, 8×8, offline on every machine."""

import numpy as np

from jaxmlp.data.idx import Arrays

_EVERY = 5
_MAX_VALUE = 16


def digits() -> Arrays:
    """Digits as uint8 images with a fixed, stratified test part: every fifth image of each class.

    The original values 0..16 are rescaled to 0..255 and rounded, so that every preprocessing of the 28×28 sets
    applies. Both parts keep the original order.

    Returns:
        Arrays of `Dataset`: 1442 training and 355 test images, uint8 [N, 64]; labels int32 [N].
    """
    # Imported here because it takes longer than loading any other set from the cache.
    from sklearn.datasets import load_digits

    points, classes = load_digits(return_X_y=True)
    images = np.rint(np.asarray(points) * (255 / _MAX_VALUE)).astype(np.uint8)
    labels = np.asarray(classes, np.int32)
    is_test = _rank_in_class(labels) % _EVERY == _EVERY - 1
    return {
        "train_inputs": images[~is_test],
        "train_targets": labels[~is_test],
        "test_inputs": images[is_test],
        "test_targets": labels[is_test],
    }


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
    """For each example [N], how many earlier examples have its class."""
    rank = np.empty_like(labels)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    return rank
