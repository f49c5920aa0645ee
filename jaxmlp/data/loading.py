"""`load`: a data set by name, from a file or folder of the user's own, or from tensorflow-datasets.

| name | what | from |
|---|---|---|
| digits | 8×8 handwritten digits, 1442 training and 355 test images | scikit-learn, offline |
| iris, wine, breast_cancer, diabetes | tables of 150 to 569 rows; diabetes is of numbers | scikit-learn |
| mnist, fashion_mnist, kmnist | 28×28, 60,000 and 10,000 images (S-001) | IDX folder or download, cached |
| xor | the four points of S-014, the test part is the training part | made here |
| toy_circle, toy_xor, toy_gauss, toy_spiral | 250 and 250 points of the plane (S-015) | made here |
| FILE.csv, .parquet, .npz, .npy | a table or arrays | the user's own |
| FOLDER | IDX files of any size and number of classes | the user's own |
| tfds:NAME | a prepared set of tensorflow-datasets | its data source, without TensorFlow |
"""

import difflib
import os
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, cast

from jaxmlp.data import idx, toys
from jaxmlp.data.arrays import from_arrays
from jaxmlp.data.cache import load_cached
from jaxmlp.data.dataset import Dataset
from jaxmlp.data.files import ENDINGS, Read, read_file
from jaxmlp.data.prepared import PREFIX, read_prepared
from jaxmlp.data.scikit_digits import digits
from jaxmlp.data.small_tables import SMALL_TABLES, small_table
from jaxmlp.errors import InputError, check_path, check_type


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

DATASETS = (*EMBEDDED, *SMALL_TABLES, *DOWNLOADS)
"""Every name that `load` accepts."""


def load(
    name: str | Path,
    *,
    data_dir: str | Path | None = None,
    target: str | None = None,
    drop: Sequence[str] = (),
    test: str | Path | float | None = None,
    **own: Any,
) -> Dataset:
    """Load a data set by name, or from a file or folder.

    Args:
        name: one of `DATASETS`; a .csv, .parquet, .npz or .npy file; a folder of IDX files; or `tfds:NAME`.
        data_dir: for the sets of `DOWNLOADS`, a folder of their four IDX files, plain or .gz, instead of a download;
            for `tfds:NAME` where it was prepared.
        target: of a table, the column to predict; of a .npz, the array; of `tfds:NAME`, the feature.
        drop: a table's columns that are no inputs.
        test: of own data, the file of the test part, or its share; by default what the file itself has for the test,
            else a fifth.
        **own: of own data, more for `from_arrays`: `task`, `classes`, `holdout`, `groups`, `text`.

    Returns:
        The set on the host; image sets that are not built in are mapped from the cache (see `cache`).

    Raises:
        InputError: unknown name; an option for a set that takes none; files that are missing, damaged or do not belong
            together, and all that `from_arrays` refuses; a failed download or checksum; a cache folder that cannot be
            written.

    >>> load("iris").class_names
    ('setosa', 'versicolor', 'virginica')
    """
    _check_given(name, data_dir, target, drop, test)
    given = {"target": target, "drop": drop, "test": test} | own
    if isinstance(name, str) and name in DATASETS:
        empty = (type(None), tuple, list)
        _check_without(name, {key: value for key, value in given.items() if not isinstance(value, empty) or value})
        return _load_named(name, data_dir)
    if isinstance(name, str) and name.startswith(PREFIX):
        folder = None if data_dir is None else _absolute(data_dir)
        read = read_prepared(name.removeprefix(PREFIX), data_dir=folder, target=target)
        return _own(read, name, test, own)
    path = _path_of(name)
    if data_dir is not None:
        raise InputError(f"{path} is the data itself and takes no data folder: {', '.join(DOWNLOADS)} take one")
    read = read_file(path, target=target, drop=drop)
    if isinstance(test, str | Path):
        second = read_file(_absolute(test), target=target, drop=drop)
        read, test = read._replace(test=(second.inputs, second.targets)), None
    return _own(read, path.stem or str(path), test, own)


def _check_given(name: object, data_dir: object, target: object, drop: object, test: object) -> None:
    """Raise `InputError` where an argument of `load` is of a type that it never has."""
    check_type("the name", name, (str, os.PathLike), f"one of {', '.join(DATASETS)}, or a file or folder")
    if data_dir is not None:
        check_path("data_dir", data_dir)
    check_type("target", target, (str, type(None)), "the name of a column")
    check_type("drop", drop, (list, tuple), "a list of columns")
    check_type("test", test, (str, os.PathLike, Real, type(None)), "a file, or a share such as 0.2")


def _own(read: Read, name: str, test: Any, own: dict[str, Any]) -> Dataset:
    """The data set of what was read; the part that the file has for the test stands unless a share is given."""
    if read.test is not None and test is not None:
        raise InputError(f"{name} has a test part of its own: leave test out")
    classes = own.pop("classes", None)
    classes = read.classes if classes is None else classes
    return from_arrays(read.inputs, read.targets, test=read.test or test, classes=classes, name=name, **own)


def _load_named(name: str, data_dir: str | Path | None) -> Dataset:
    if name in DOWNLOADS:
        return _load_idx_set(name, data_dir)
    if data_dir is not None:
        raise InputError(f"dataset {name!r} is built in and takes no data folder: {', '.join(DOWNLOADS)} take one")
    if name in SMALL_TABLES:
        return small_table(name)
    arrays = EMBEDDED[name].make()
    _, num_classes, image_shape = EMBEDDED[name]
    return _dataset(arrays, name, num_classes, image_shape)


def _check_without(name: str, given: dict[str, Any]) -> None:
    if given:
        raise InputError(f"dataset {name!r} is known by name and takes no {next(iter(given))}: leave it out")


def _path_of(name: str | Path) -> Path:
    """The file or folder that a name means; raises `InputError` where it can mean none."""
    text = os.fspath(name)
    if isinstance(name, Path) or Path(text).suffix.lower() in ENDINGS or os.sep in text or _exists(text):
        return _absolute(text)
    near = difflib.get_close_matches(text, DATASETS, n=1)
    raise InputError(
        f"unknown dataset {name!r}: choose one of {', '.join(DATASETS)}, a file ({', '.join(ENDINGS)}), a folder of "
        f"IDX files or {PREFIX}NAME{f'; did you mean {near[0]}?' if near else ''}"
    )


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):
        return False


def _absolute(path: str | Path) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{str(path)!r} is no path here ({error})") from None


def _load_idx_set(name: str, data_dir: str | Path | None) -> Dataset:
    if data_dir is None:
        arrays = load_cached(name, DOWNLOADS[name], partial(_download, name))
    else:
        folder = _absolute(data_dir)
        arrays = load_cached(name, _fingerprint(folder), partial(idx.read_idx_folder, folder))
    return _dataset(arrays, name, idx.NUM_CLASSES, idx.IMAGE_SHAPE)


def _dataset(arrays: idx.Arrays, name: str, num_classes: int, image_shape: tuple[int, ...]) -> Dataset:
    for array in arrays.values():
        array.setflags(write=False)
    # To the type checker they are the arrays that they become on a device.
    fields = cast(dict[str, Any], arrays)
    rows = f"images of {image_shape[0]} × {image_shape[1]}" if image_shape else "points of the plane"
    train, test = len(arrays["train_targets"]), len(arrays["test_targets"])
    found = f"{name}: {train} {rows} to train and {test} for the test, {num_classes} classes"
    return Dataset(**fields, name=name, num_classes=num_classes, image_shape=image_shape, found=found)


def _download(name: str) -> idx.Arrays:
    # Imported here so that a load from the cache never waits for tensorflow-datasets.
    try:
        from jaxmlp.data.builder import download
    except ImportError as error:
        raise InputError(f"cannot download {name} ({error}): {idx.ADVICE}") from error
    return download(name, DOWNLOADS[name])


def _fingerprint(folder: Path) -> list[list[object]]:
    """Path, size and time of change of each IDX file: what tells a changed folder from a known one."""
    paths = idx.find_idx_files(folder).values()
    return [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
