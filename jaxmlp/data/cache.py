"""The cache of decoded arrays: .npy files that a second load maps into memory instead of reading.

    <cache folder>/<name>-<key>/train_images.npy  train_labels.npy  test_images.npy  test_labels.npy  meta.json

The key is a hash of where the arrays came from (address, or folder with the sizes and times of its files), so a
changed source is a new entry. An entry is written to a temporary folder and renamed: it is there whole or not at
all, also when several processes write it at once. The whole cache may be deleted at any time.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from jaxmlp.data.idx import Arrays
from jaxmlp.errors import InputError

_FORMAT = 1
"""Part of every key: raise it when the meaning of an entry changes."""


def cache_folder() -> Path:
    """`$JAXMLP_CACHE`, else `$XDG_CACHE_HOME/jaxmlp`, else `~/.cache/jaxmlp`."""
    if own := os.environ.get("JAXMLP_CACHE"):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "jaxmlp"


def content_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """The data hash: sha256 (hex) over each array's field, dtype, shape and values, in the order of the fields."""
    digest = hashlib.sha256()
    for field in sorted(arrays):
        array = arrays[field]
        digest.update(f"{field} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def load_cached(name: str, source: object, build: Callable[[], Arrays]) -> tuple[Arrays, str]:
    """Open the entry of a source; build and write it first where it is missing or damaged.

    Args:
        name: name of the data set.
        source: where it comes from, as JSON values; names the entry.
        build: reads or downloads the arrays.

    Returns:
        The arrays, read-only and mapped from the files, and their `content_digest`.

    Raises:
        InputError: the cache folder cannot be written, or whatever `build` raises; then nothing is written.
    """
    key = hashlib.sha256(json.dumps([_FORMAT, name, source], sort_keys=True).encode()).hexdigest()[:16]
    entry = cache_folder() / f"{name}-{key}"
    opened = _open(entry)
    if opened is None:
        arrays = build()
        try:
            _write(entry, arrays)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"cannot write to the cache folder {entry.parent} ({reason}): set JAXMLP_CACHE to a writable folder"
            ) from error
        opened = _open(entry)
    if opened is None:
        raise InputError(f"the cache folder {entry.parent} does not keep its files: set JAXMLP_CACHE to another one")
    return opened


def _open(entry: Path) -> tuple[Arrays, str] | None:
    """The arrays and digest of an entry; None where it is missing or not what its meta.json says."""
    try:
        meta = json.loads((entry / "meta.json").read_text())
        arrays = {field: _map(entry / f"{field}.npy", *expected) for field, expected in meta["arrays"].items()}
        return arrays, meta["digest"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
        return None


def _map(path: Path, dtype: str, shape: list[int]) -> np.ndarray:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if (array.dtype.str, list(array.shape)) != (dtype, shape):
        raise ValueError(f"{path} is not the array that meta.json describes")
    # A plain view: jax puts np.ndarray on a device, and no caller needs memmap's own methods.
    return np.asarray(array)


def _write(entry: Path, arrays: Arrays) -> None:
    """Write an entry beside its place and rename it there; a valid entry that came first stays."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix=".writing-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / entry.name
        folder.mkdir()
        for field, array in arrays.items():
            np.save(folder / f"{field}.npy", array)
        described = {field: (array.dtype.str, array.shape) for field, array in arrays.items()}
        meta = {"digest": content_digest(arrays), "arrays": described}
        (folder / "meta.json").write_text(json.dumps(meta, indent=1))
        _install(folder, entry)


def _install(folder: Path, entry: Path) -> None:
    try:
        folder.rename(entry)
    except OSError:
        # Another process was first, or a damaged entry lies there: rename never replaces a filled folder.
        if _open(entry) is None:
            shutil.rmtree(entry, ignore_errors=True)
            folder.rename(entry)
