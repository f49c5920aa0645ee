"""The cache of decoded arrays: .npy files that a second load maps into memory instead of reading.

    <cache folder>/<name>-<key>/train_images.npy  train_labels.npy  test_images.npy  test_labels.npy  meta.json

The key is a hash of where the arrays came from (address, or folder with the sizes and times of its files), so a
changed source is a new entry. Each file is written whole and meta.json, which describes the others, last: an entry
is there once they agree. Writers of one entry write the same bytes, so they need not wait for each other. The whole
cache may be deleted at any time.
"""

import hashlib
import json
import os
import stat
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxmlp.data.idx import Arrays
from jaxmlp.errors import InputError
from jaxmlp.files import write_json, write_whole

_FORMAT = 3
"""Part of every key: raise it when the meaning of an entry changes."""


STORED = {
    "train_inputs": "train_images",
    "train_targets": "train_labels",
    "test_inputs": "test_images",
    "test_targets": "test_labels",
}
"""What a data set's fields are called in the cache and in the data hash: their names in version 1, which stay."""


def cache_folder() -> Path:
    """Folder of caches: `$JAXMLP_CACHE`, else `$XDG_CACHE_HOME/jaxmlp`, else `~/.cache/jaxmlp`.

    >>> cache_folder().is_absolute()
    True
    """
    if own := os.environ.get("JAXMLP_CACHE"):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "jaxmlp"


def content_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """The data hash: sha256 (hex) over each array's name, dtype, shape and values, in the order of the names.

    Names are those of `STORED`.
    """
    digest = hashlib.sha256()
    named = {STORED.get(field, field): array for field, array in arrays.items()}
    for name in sorted(named):
        array = named[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def load_cached(name: str, source: object, build: Callable[[], Arrays]) -> Arrays:
    """Open the entry of a source; build and write it first where it is missing or damaged.

    Args:
        name: name of the data set.
        source: where it comes from, as JSON values; names the entry.
        build: reads or downloads the arrays.

    Returns:
        The arrays, read-only and mapped from the files.

    Raises:
        InputError: the cache folder cannot be written, others may write to it, or whatever `build` raises; then there
            is no new entry.
    """
    key = hashlib.sha256(json.dumps([_FORMAT, name, source], sort_keys=True).encode()).hexdigest()[:16]
    entry = cache_folder() / f"{name}-{key}"
    _check_private(entry.parent)
    _check_private(entry)
    opened, _ = _open(entry)
    if opened is None:
        arrays = build()
        try:
            _write(entry, arrays)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"cannot write to the cache folder {entry.parent} ({reason}): set JAXMLP_CACHE to a writable folder"
            ) from error
        opened, cause = _open(entry)
        if opened is None:
            raise InputError(
                f"the cache folder {entry.parent} does not keep its files ({cause}): set JAXMLP_CACHE to another one"
            ) from cause
    return opened


def _check_private(folder: Path) -> None:
    """Raise `InputError` where somebody else could have put other arrays there, or leads writers elsewhere."""
    try:
        found = folder.lstat()
    except OSError:
        return  # it is made, or cannot be: its writer says so
    if stat.S_ISLNK(found.st_mode) and folder != cache_folder():
        raise InputError(
            f"{folder} is a link, and the cache has none: remove it, or set JAXMLP_CACHE to another folder"
        )
    found = folder.stat() if folder.exists() else found
    others = hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid())
    if others or (os.name == "posix" and found.st_mode & stat.S_IWOTH and stat.S_ISDIR(found.st_mode)):
        raise InputError(
            f"others may write to the cache folder {folder}: set JAXMLP_CACHE to a folder of your own (chmod o-w)"
        )


def _open(entry: Path) -> tuple[Arrays | None, Exception | None]:
    """(arrays of an entry, None), or None and why: it is missing, or not what its meta.json says."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="utf-8"))
        fields = {name: field for field, name in STORED.items()}
        stored: dict[str, object] = meta["arrays"]
        arrays = {fields.get(name, name): _map(entry / f"{name}.npy", stored[name]) for name in stored}
        if not arrays:
            raise ValueError("meta.json names no arrays")
    except Exception as error:  # A damaged file makes the readers of JSON and .npy fail in any way: it is rebuilt.
        return None, error
    return arrays, None


_READING = threading.Lock()
"""NumPy parses a file's header as Python. CPython 3.11 counts the depth of all threads' parsing together, so that two
at the same time raise "AST constructor recursion depth mismatch" now and then, and a whole file looks damaged."""


def _map(path: Path, expected: object) -> np.ndarray:
    with _READING:
        # A plain view: jax puts np.ndarray on a device, and no caller needs memmap's own methods.
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    if _describe(array) != expected:
        raise ValueError(f"{path} is not the array that meta.json describes")
    return array


def _describe(array: np.ndarray) -> list[Any]:
    """dtype, shape and CRC-32 of the values: four times as quick as the digest, and enough to find damage."""
    return [array.dtype.str, list(array.shape), zlib.crc32(np.ascontiguousarray(array).data)]


def _write(entry: Path, arrays: Arrays) -> None:
    entry.mkdir(parents=True, exist_ok=True)
    named = {STORED.get(field, field): array for field, array in arrays.items()}
    for name, array in named.items():
        write_whole(entry / f"{name}.npy", lambda path, array=array: _save(path, array))
    described = {name: _describe(array) for name, array in named.items()}
    write_json(entry / "meta.json", {"arrays": described})


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:  # np.save would append .npy to the name
        np.save(file, array)
