"""Reading IDX files, the format of the MNIST family (S-001), plain or gzip-compressed.

An IDX file is a header and then the values in row-major order:

    byte 0-1   zero
    byte 2     type of the values, 0x08 for uint8; see `_TYPES`
    byte 3     number of axes
    then       the length of each axis, a big-endian uint32
    then       the values

Images have three axes (rows of inputs two), labels one. The four files of a set are named alike for MNIST,
Fashion-MNIST and Kuzushiji-MNIST; others put a name before, write a dot for a hyphen or `test` for `t10k`.
"""

import math
import re
from pathlib import Path

import numpy as np

from jaxmlp.data.limits import read_at_most, read_start
from jaxmlp.errors import InputError

Arrays = dict[str, np.ndarray]
"""The four arrays of a data set by field name: train_inputs, train_targets, test_inputs, test_targets."""

IDX_FILES = {
    "train_inputs": "train-images-idx3-ubyte",
    "train_targets": "train-labels-idx1-ubyte",
    "test_inputs": "t10k-images-idx3-ubyte",
    "test_targets": "t10k-labels-idx1-ubyte",
}
"""Field of the data set -> name of its file, without a possible `.gz`."""

ADVICE = "give a folder of IDX files with --data-dir instead"
"""What to do where a set cannot be downloaded."""

IMAGE_SHAPE = (28, 28)
NUM_CLASSES = 10

_NAME = re.compile(
    r"(?P<set>.*?)(?P<part>train|t10k|test)[-_.](?P<what>images|labels)[-_.]idx\d[-_.]\w+?(?P<gz>\.gz)?", re.IGNORECASE
)
_FIELDS = {"images": "inputs", "labels": "targets"}
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 3


def find_idx_files(data_dir: Path, *, need_test: bool = True) -> dict[str, Path]:
    """Locate the IDX files of a folder; a plain file is taken before its `.gz`.

    Args:
        data_dir: folder that holds them, each perhaps in a folder of its own name.
        need_test: whether the test part must be there; else it may be left out as a whole.

    Returns:
        Field -> path.

    Raises:
        InputError: not a folder, a file is missing, or there are the files of several sets.
    """
    if not data_dir.is_dir():
        raise InputError(
            f"data folder {data_dir} does not exist or is no folder: give one that holds the four IDX files"
        )
    found = _find_sets(data_dir)
    if len(found) > 1:
        names = ", ".join(repr(name.rstrip("-_.")) for name in sorted(found))
        raise InputError(f"{data_dir} holds the IDX files of several sets ({names}): give each a folder of its own")
    paths = next(iter(found.values()), {})
    wanted = IDX_FILES if need_test or any(field.startswith("test") for field in paths) else list(IDX_FILES)[:2]
    for field in wanted:
        if field not in paths:
            name = IDX_FILES[field]
            needed = ", ".join(IDX_FILES.values())
            raise InputError(f"no file {name} or {name}.gz in {data_dir}: all of {needed} are needed")
    return {field: paths[field] for field in wanted}


def _find_sets(data_dir: Path) -> dict[str, dict[str, Path]]:
    """By set's name and field, the files whose names say that they are a part of a set."""
    found: dict[str, dict[str, Path]] = {}
    try:
        candidates = [*data_dir.iterdir(), *data_dir.glob("*idx*/*idx*")]
    except OSError as error:
        raise InputError(f"cannot read {data_dir}: {error.strerror}") from error
    for path in sorted(candidates, key=lambda path: (path.suffix == ".gz", path.name)):
        if (match := _NAME.fullmatch(path.name)) and path.is_file():
            part = "train" if match["part"].lower() == "train" else "test"
            what = _FIELDS[match["what"].lower()]
            found.setdefault(match["set"].lower(), {}).setdefault(f"{part}_{what}", path)
    return found


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file.

    Args:
        path: the file; gzip is recognised by its first bytes, whatever the name.

    Returns:
        Array with the axes and the type of the header, in the machine's byte order, read-only.

    Raises:
        InputError: unreadable, damaged gzip, not IDX, empty, of more than 3 axes, not as long as its header says, or
            longer than fits into memory.
    """
    start = read_start(path, 4 + 4 * _MOST_AXES)
    dtype, num_axes = _type_and_axes(path, start[:4])
    header = 4 + 4 * num_axes
    if len(start) < header:
        raise InputError(f"{path} is truncated: {len(start)} bytes, its header alone takes {header}")
    shape = tuple(int(n) for n in np.frombuffer(start, ">u4", num_axes, offset=4))
    if 0 in shape:
        raise InputError(f"{path} is empty: its header announces {shape}, at least one example is needed")
    length = header + math.prod(shape) * dtype.itemsize
    content = read_at_most(path, length)
    if len(content) != length:
        count = f"{'at least ' * (len(content) > length)}{-(-(len(content) - header) // dtype.itemsize)} values"
        raise InputError(f"{path} is truncated or damaged: {count}, its header announces {shape}")
    values = np.frombuffer(content, dtype, offset=header).reshape(shape)
    return values if dtype.isnative or dtype.itemsize == 1 else values.astype(dtype.newbyteorder("="))


def _type_and_axes(path: Path, magic: bytes) -> tuple[np.dtype, int]:
    """Type of the values and number of axes, after a check of the header's first four bytes."""
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise InputError(f"{path} is not an IDX file: it starts with {magic.hex() or 'nothing'}, accepted is 000008..")
    if magic[2] not in _TYPES:
        raise InputError(f"{path} holds IDX values of type 0x{magic[2]:02x}: uint8 is 0x08, and 0x09 to 0x0e are known")
    if not 1 <= magic[3] <= _MOST_AXES:
        raise InputError(f"{path} has {magic[3]} axes: 1 (labels), 2 (rows) or 3 (images) are accepted")
    return np.dtype(_TYPES[magic[2]]), magic[3]


def read_part(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels of one part (training or test) and check that they belong together.

    Args:
        images_path: IDX file [N, H, W], or [N, I].
        labels_path: IDX file [N] of integers.

    Returns:
        images and labels as they are in the files.

    Raises:
        InputError: a file that cannot be read, labels for images or images for labels, or unequal counts.
    """
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim == 1:
        raise InputError(f"{images_path} has shape {images.shape}: images (N, height, width) are accepted")
    if labels.ndim != 1:
        raise InputError(f"{labels_path} has shape {labels.shape}: labels (N,) are accepted")
    if len(images) != len(labels):
        raise InputError(
            f"{images_path} has {len(images)} images but {labels_path} {len(labels)} labels: same N needed"
        )
    return images, labels


def read_family_part(images_path: Path, labels_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """`read_part` of a set of the MNIST family: uint8 images [N, 28, 28], uint8 labels 0 to 9 [N].

    Raises:
        InputError: as `read_part`, or images or labels that this family does not have.
    """
    images, labels = read_part(images_path, labels_path)
    if images.shape[1:] != IMAGE_SHAPE or images.dtype != np.uint8:
        raise InputError(
            f"{images_path} has {images.dtype} values of shape {images.shape}: the MNIST family has uint8 images "
            "(N, 28, 28); give the folder itself as the data set"
        )
    outside = np.flatnonzero((labels < 0) | (labels >= NUM_CLASSES))
    if outside.size:
        raise InputError(
            f"{labels_path} holds label {labels[outside[0]]}: the MNIST family has classes 0 to {NUM_CLASSES - 1}; "
            "give the folder itself as the data set"
        )
    return images, labels


def read_idx_folder(data_dir: Path) -> Arrays:
    """Read a set of the MNIST family from its four files (layout of `Dataset`, images flattened to [N, 784]).

    Raises:
        InputError: as `find_idx_files` and `read_family_part`.
    """
    paths = find_idx_files(data_dir)
    arrays: Arrays = {}
    for part in ("train", "test"):
        images, labels = read_family_part(paths[f"{part}_inputs"], paths[f"{part}_targets"])
        arrays[f"{part}_inputs"] = images.reshape(len(images), -1)
        arrays[f"{part}_targets"] = labels.astype(np.int32)
    return arrays
