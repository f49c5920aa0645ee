"""`load`: a data set by name, from the package, a folder of IDX files, or a checked download.

| name | what | from |
|---|---|---|
| digits | 8×8 handwritten digits, 1442 training and 355 test images | scikit-learn, offline |
| mnist, fashion_mnist, kmnist | 28×28, 60,000 and 10,000 images (S-001) | IDX folder or download, cached |
| xor | the four points of S-014, the test part is the training part | made here |
| toy_circle, toy_xor, toy_gauss, toy_spiral | 250 and 250 points of the plane (S-015) | made here |
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from flax import struct
from jax import Array

from jaxmlp.data import idx, toys
from jaxmlp.data.cache import content_digest, load_cached
from jaxmlp.data.digits import digits
from jaxmlp.errors import InputError, check_choice


class Dataset(struct.PyTreeNode):
    """Images and labels of a training and a test part, and what they are.

    A pytree: `jax.device_put(dataset)` puts the four arrays on a device and keeps the rest. After `load` they are
    NumPy arrays, for the image sets uint8 (scaling is the training step's business) and for points float32.

    Attributes:
        train_images: [N, I], rows flattened.
        train_labels: int32 [N], 0 .. K-1.
        test_images: [N, I] with the test part's own N.
        test_labels: int32 [N].
        name: one of `DATASETS`.
        num_classes: K.
        image_shape: (height, width), or () for points.
    """

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array
    name: str = struct.field(pytree_node=False)
    num_classes: int = struct.field(pytree_node=False)
    image_shape: tuple[int, ...] = struct.field(pytree_node=False)

    @property
    def digest(self) -> str:
        """Data hash: sha256 (hex) of the four arrays, which names the data in every run id.

        It is always computed from the arrays, so that data and hash cannot disagree. It is kept where no array can be
        written to, and computed anew where one can.
        """
        known = self.__dict__.get("_digest")
        if known is None:
            arrays = {name: getattr(self, name) for name in ARRAYS}
            known = content_digest({name: np.asarray(array) for name, array in arrays.items()})
            if not any(isinstance(array, np.ndarray) and array.flags.writeable for array in arrays.values()):
                self.__dict__["_digest"] = known  # a frozen class, but no part of what it is
        return known

    @property
    def num_bytes(self) -> int:
        """Size of the four arrays."""
        return sum(getattr(self, name).nbytes for name in ARRAYS)


ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
"""The fields of a `Dataset` that are arrays."""


class Embedded(NamedTuple):
    """A set that the package makes itself."""

    make: Callable[[], idx.Arrays]
    num_classes: int
    image_shape: tuple[int, ...]


EMBEDDED = {
    "digits": Embedded(digits, 10, (8, 8)),
    "xor": Embedded(toys.xor, 2, ()),
    "toy_circle": Embedded(toys.toy_circle, 2, ()),
    "toy_xor": Embedded(toys.toy_xor, 2, ()),
    "toy_gauss": Embedded(toys.toy_gauss, 2, ()),
    "toy_spiral": Embedded(toys.toy_spiral, 2, ()),
}

DOWNLOADS = {
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "kmnist": "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
}
"""Address of the four files of a set, as tensorflow-datasets registers its checksums (which make http safe)."""

DATASETS = (*EMBEDDED, *DOWNLOADS)
"""Every name that `load` accepts."""


def load(name: str, *, data_dir: str | Path | None = None) -> Dataset:
    """Load a data set by name.

    Args:
        name: one of `DATASETS`.
        data_dir: for the sets of `DOWNLOADS`, a folder of their four IDX files, plain or .gz, instead of a download.

    Returns:
        The set on the host; image sets that are not built in are mapped from the cache (see `cache`).

    Raises:
        InputError: unknown name; `data_dir` for a built-in set; files that are missing, truncated, not IDX or do
            not belong together; a failed download or checksum; a cache folder that cannot be written.
    """
    check_choice("dataset", name, DATASETS)
    if name in DOWNLOADS:
        return _load_idx_set(name, data_dir)
    if data_dir is not None:
        raise InputError(f"dataset {name!r} is built in and takes no data folder: {', '.join(DOWNLOADS)} take one")
    arrays = EMBEDDED[name].make()
    _, num_classes, image_shape = EMBEDDED[name]
    return _dataset(arrays, name, num_classes, image_shape)


def _load_idx_set(name: str, data_dir: str | Path | None) -> Dataset:
    if data_dir is None:
        arrays = load_cached(name, DOWNLOADS[name], partial(_download, name))
    else:
        folder = Path(data_dir).expanduser().absolute()
        arrays = load_cached(name, _fingerprint(folder), partial(idx.read_idx_folder, folder))
    return _dataset(arrays, name, idx.NUM_CLASSES, idx.IMAGE_SHAPE)


def _dataset(arrays: idx.Arrays, name: str, num_classes: int, image_shape: tuple[int, ...]) -> Dataset:
    for array in arrays.values():
        array.setflags(write=False)
    # To the type checker they are the arrays that they become on a device.
    fields = cast(dict[str, Array], arrays)
    return Dataset(**fields, name=name, num_classes=num_classes, image_shape=image_shape)


def _download(name: str) -> idx.Arrays:
    # Imported here so that a load from the cache never waits for tensorflow-datasets.
    from jaxmlp.data.builder import download

    return download(name, DOWNLOADS[name])


def _fingerprint(folder: Path) -> list[list[object]]:
    """Path, size and time of change of each IDX file: what tells a changed folder from a known one."""
    paths = idx.find_idx_files(folder).values()
    return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
