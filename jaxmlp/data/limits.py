"""Files are read with limits: what their headers announce is checked before any memory is taken."""

import gzip
import zlib
from pathlib import Path

import psutil

from jaxmlp.errors import InputError

_MOST_RATIO = 1032
"""No DEFLATE stream decompresses to more than so many times its size."""
GZIP_MAGIC = b"\x1f\x8b"


def check_size(path: Path, num_bytes: int) -> None:
    """Raise `InputError` where so many bytes would not fit into half of the memory that is free."""
    free = psutil.virtual_memory().available
    if num_bytes > free // 2:
        raise InputError(
            f"{path} would take {num_bytes / 1e9:.3g} GB, and {free / 1e9:.3g} GB of memory are free: "
            "give a smaller file"
        )


def read_start(path: Path, count: int) -> bytes:
    """The first so many bytes of a file, decompressed where it is gzip; fewer where it is shorter.

    Raises:
        InputError: it cannot be read, or is damaged gzip.
    """
    return _read(path, count)


def read_at_most(path: Path, count: int) -> bytes:
    """The first `count` bytes of a file and one more where it has more, decompressed where it is gzip.

    No more than that is ever decompressed, whatever a file claims to hold.

    Raises:
        InputError: as `read_start`, or more bytes than fit into memory.
    """
    most = path.stat().st_size * (_MOST_RATIO if is_gzip(path) else 1)
    check_size(path, min(count, most))
    return _read(path, min(count, most) + 1)


def is_gzip(path: Path) -> bool:
    """Whether a file starts as gzip files do; raises `InputError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(2) == GZIP_MAGIC
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _read(path: Path, count: int) -> bytes:
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            return file.read(count)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is a truncated or damaged gzip file ({error}): fetch it again") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
