"""Reading the IDX files of the MNIST family (S-001), plain or gzip-compressed.

An IDX file is a header and then the values in row-major order:

    byte 0-1   zero
    byte 2     type of the values; 0x08 is uint8, the only one this family uses
    byte 3     number of axes
    then       the length of each axis, a big-endian uint32
    then       the values

The four files of a set are named alike for MNIST, Fashion-MNIST and Kuzushiji-MNIST.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from jaxmlp.errors import InputError

Arrays = dict[str, np.ndarray]
"""The four arrays of a data set by field name: train_images, train_labels, test_images, test_labels."""

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
"""Field of the data set -> name of its file, without a possible `.gz`."""

IMAGE_SHAPE = (28, 28)
NUM_CLASSES = 10

_LABEL_AXES, _IMAGE_AXES = 1, 3
_UINT8 = 0x08
_GZIP_MAGIC = b"\x1f\x8b"


def find_idx_files(data_dir: Path) -> dict[str, Path]:
    """Locate the four IDX files of a folder; a plain file is taken before its `.gz`.

    Args:
        data_dir: folder that holds them.

    Returns:
        Field -> path.

    Raises:
        InputError: not a folder, or a file is missing.
    """
    if not data_dir.is_dir():
        raise InputError(
            f"data folder {data_dir} does not exist or is no folder: give one that holds the four IDX files"
        )
    return {field: _find(data_dir, name) for field, name in IDX_FILES.items()}


def _find(data_dir: Path, name: str) -> Path:
    candidates = (data_dir / name, data_dir / f"{name}.gz")
    for path in candidates:
        if path.is_file():
            return path
    raise InputError(f"no file {name} or {name}.gz in {data_dir}: all of {', '.join(IDX_FILES.values())} are needed")


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of uint8 values.

    Args:
        path: the file; gzip is recognised by its first bytes, whatever the name.

    Returns:
        uint8 array with the axes of the header, read-only.

    Raises:
        InputError: unreadable, damaged gzip, not IDX, not uint8, empty, of other than 1 or 3 axes, or not as long as
            its header says.
    """
    content = _read_bytes(path)
    num_axes = _num_axes(path, content)
    start = 4 + 4 * num_axes
    if len(content) < start:
        raise InputError(f"{path} is truncated: {len(content)} bytes, its header alone takes {start}")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", num_axes, offset=4))
    if 0 in shape:
        raise InputError(f"{path} is empty: its header announces {shape}, at least one example is needed")
    if len(content) - start != math.prod(shape):
        raise InputError(f"{path} is truncated or damaged: {len(content) - start} values, its header announces {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a truncated or damaged gzip file ({error}): fetch it again") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _num_axes(path: Path, content: bytes) -> int:
    """Number of axes, after a check of the header's first four bytes."""
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise InputError(f"{path} is not an IDX file: it starts with {magic.hex() or 'nothing'}, accepted is 000008..")
    if magic[2] != _UINT8:
        raise InputError(f"{path} holds IDX values of type 0x{magic[2]:02x}: only uint8 (0x08) is accepted")
    if magic[3] not in (_LABEL_AXES, _IMAGE_AXES):
        raise InputError(f"{path} has {magic[3]} axes: 1 (labels) or 3 (images) are accepted")
    return magic[3]


def read_part(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of one part (training or test) and check that they belong together.

    Args:
        images_path: IDX file [N, 28, 28].
        labels_path: IDX file [N] of classes 0 to 9.

    Returns:
        images, uint8 [N, 28, 28], and labels, uint8 [N].

    Raises:
        InputError: a file that cannot be read, images of another size, labels out of range, or unequal
            counts.
    """
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != _IMAGE_AXES or images.shape[1:] != IMAGE_SHAPE:
        raise InputError(f"{images_path} has shape {images.shape}: images (N, 28, 28) are accepted")
    if labels.ndim != _LABEL_AXES:
        raise InputError(f"{labels_path} has shape {labels.shape}: labels (N,) are accepted")
    if len(images) != len(labels):
        raise InputError(
            f"{images_path} has {len(images)} images but {labels_path} {len(labels)} labels: same N needed"
        )
    if labels.max() >= NUM_CLASSES:
        raise InputError(f"{labels_path} holds label {labels.max()}: classes 0 to {NUM_CLASSES - 1} are accepted")
    return images, labels


def read_idx_folder(data_dir: Path) -> Arrays:
    """Read a whole set from a folder of IDX files (layout of `Dataset`, images flattened to [N, 784]).

    Raises:
        InputError: as `find_idx_files` and `read_part`.
    """
    paths = find_idx_files(data_dir)
    arrays: Arrays = {}
    for part in ("train", "test"):
        images, labels = read_part(paths[f"{part}_images"], paths[f"{part}_labels"])
        arrays[f"{part}_images"] = images.reshape(len(images), -1)
        arrays[f"{part}_labels"] = labels.astype(np.int32)
    return arrays
