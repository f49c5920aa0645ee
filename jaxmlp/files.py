"""Files that are whole or not there, and that can tell whether they still hold what was written.

They are written under a temporary name beside the target, then renamed. What a process that was killed has left of a
file goes when that file is written again: its writer holds a lock on it, which dies with the writer.

A file of a study is sealed besides: somewhere in it stands `SEAL` with 64 hexadecimal digits after it, the SHA-256 of
the whole file with zeros for those digits.
Every format has a place for such a text: a key of a JSON object, the metadata of Parquet and of safetensors.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import mmap
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxmlp.errors import InputError

if TYPE_CHECKING:  # the data room writes files too, and should not wait for pandas to load
    import pandas as pd

REPORT_FILE, FIGURES_FOLDER = "report.html", "figures"
"""In a study's folder: its page, and the folder of its figures."""
SEAL = "jaxmlp-sha256:"
BLANK_SEAL = SEAL + 64 * "0"
"""What a file holds before `seal_file`."""
SEAL_KEY = "checksum"
"""The key of a JSON object, or of a format's metadata, under which it stands."""
ABOUT_KEY = "about"
"""The key of Parquet's metadata under which `write_rows` puts what is said about the rows."""
_SEALED = re.compile(SEAL.encode() + b"([0-9a-f]{64})")
_TEMPORARY = re.compile(r"\.[^.].*\.\w+\.[a-z0-9_]{8}")
"""What `write_whole` names its temporary files: `.NAME.ENDING.` and eight of the characters of `tempfile`."""


class DamagedFileError(InputError):
    """A file of this package's own that does not hold what was written; names the file and what is wrong with it."""

    def __init__(self, path: Path, reason: str) -> None:
        reason = " ".join(reason.split())[:200]
        super().__init__(f"{path} is damaged: {reason}: put back a copy of it, or give another folder")


def check_target(path: Path) -> None:
    """Raise `InputError` where `write_whole` could not write `path`: call it before the work."""
    try:
        path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write {str(path)[:80]!r}: {getattr(error, 'strerror', error)}") from None
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give a file in it")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: {path.parent} is not a folder this user may write to")


def check_writable(out: Path) -> None:
    """Raise `InputError` where no folder could be made at `out`, or nothing be written into it."""
    parent = out
    try:
        while not parent.exists() and parent != parent.parent:
            parent = parent.parent
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write to {str(out)[:80]!r}: {getattr(error, 'strerror', error)}") from None
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"cannot write to {out}: {parent} is not a folder this user may write to")


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then rename it to `path`; on any error `path` stays as it was.

    What writers of `path` that were killed have left is removed first.
    """
    ours = f".{path.name}."
    with suppress(OSError):  # a folder that may be written to and not looked into
        remove_dead(path.parent / name for name in os.listdir(path.parent) if name.startswith(ours))
    handle, temporary = _locked(path.parent, ours)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _locked(folder: Path, prefix: str) -> tuple[int, Path]:
    """A new temporary file, open, and its path. Nobody takes its writer for dead from here on."""
    while True:
        handle, name = tempfile.mkstemp(prefix=prefix, dir=folder)
        with suppress(OSError):  # without locks nobody is taken for dead
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # another writer saw it before the lock, and removed it


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole; NaN is an error, since JSON has none."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def is_temporary(path: Path) -> bool:
    """Whether `write_whole` made it and was killed before it could rename or remove it."""
    return _TEMPORARY.fullmatch(path.name) is not None and path.is_file()


def remove_dead(paths: Iterable[Path]) -> None:
    """Remove those of these files that are temporary ones of a process that died while it wrote."""
    for path in paths:
        with suppress(OSError):  # its writer lives and holds the lock, or has just ended
            if is_temporary(path):
                with path.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


def seal_file(path: Path) -> None:
    """Put the checksum into a file just written, which holds `BLANK_SEAL`."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        start = content.find(BLANK_SEAL.encode()) + len(SEAL)
        if start < len(SEAL):
            raise ValueError(f"{path} has no place for its checksum")
        content[start : start + 64] = _digest(content, start).encode()


def check_seal(path: Path) -> bool:
    """Whether a file is sealed; files of the first version are not.

    Raises:
        DamagedFileError: it is sealed, and something in it has changed since.
    """
    if not path.stat().st_size:
        raise DamagedFileError(path, "it is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        sealed = _SEALED.search(content)
        if sealed is None:
            return False
        start, told = sealed.start(1), sealed[1].decode()
        del sealed  # it holds the map open
        if _digest(content, start) != told:
            raise DamagedFileError(path, "its checksum does not match what it holds")
    return True


def _digest(content: mmap.mmap, start: int) -> str:
    """SHA-256 of it all, with zeros for the 64 bytes at `start`."""
    with memoryview(content) as view, view[:start] as head, view[start + 64 :] as tail:
        digest = hashlib.sha256(head)
        digest.update(64 * b"0")
        digest.update(tail)
    return digest.hexdigest()


def write_sealed_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object, whole and sealed: the checksum is one more key of it."""
    text = json.dumps(content | {SEAL_KEY: BLANK_SEAL}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")
        seal_file(temporary)

    write_whole(path, write)


def read_sealed_json(path: Path) -> dict[str, Any]:
    """What `write_sealed_json` wrote, without the checksum.

    Raises:
        DamagedFileError: it is no JSON object, or has changed.
    """
    try:
        check_seal(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except DamagedFileError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFileError(path, f"it is not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise DamagedFileError(path, "it holds no JSON object")
    return {key: value for key, value in content.items() if key != SEAL_KEY}


def write_rows(path: Path, rows: pd.DataFrame, about: Any = None) -> None:
    """Write a table as Parquet, whole and sealed; `about` it is any JSON, which `read_about` gives back."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(rows, preserve_index=False)
    further = {SEAL_KEY: BLANK_SEAL} | ({} if about is None else {ABOUT_KEY: json.dumps(about)})
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **further})

    def write(temporary: Path) -> None:
        pq.write_table(table, temporary)
        seal_file(temporary)

    write_whole(path, write)


def read_rows(path: Path, required: Collection[str], filters: Sequence[tuple] | None = None) -> pd.DataFrame:
    """What `write_rows` wrote.

    Args:
        path: of the file.
        required: columns that it must have.
        filters: which rows, as `pandas.read_parquet` takes them; all by default.

    Raises:
        DamagedFileError: it is no Parquet, lacks a column, or has changed.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        check_seal(path)
        rows = pd.read_parquet(path, filters=None if filters is None else list(filters))
    except DamagedFileError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, MemoryError, pa.ArrowException) as error:
        raise DamagedFileError(path, f"it is not readable as Parquet ({error})") from None
    absent = [name for name in required if name not in rows]
    if absent:
        raise DamagedFileError(path, f"it has no column {', '.join(absent)}")
    return rows


def read_about(path: Path) -> Any:
    """What `write_rows` was told about a table's rows; None where nothing was.

    Raises:
        DamagedFileError: it is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return json.loads((pq.read_schema(path).metadata or {}).get(ABOUT_KEY.encode(), "null"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DamagedFileError(path, f"it is not readable as Parquet ({error})") from None
