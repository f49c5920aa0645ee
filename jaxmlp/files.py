"""Files that are whole or not there: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxmlp.errors import InputError

if TYPE_CHECKING:  # the data room writes files too, and should not wait for pandas to load
    import pandas as pd


def check_target(path: Path) -> None:
    """Raise `InputError` where `write_whole` could not write `path`: call it before the work."""
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give a file in it")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: {path.parent} is not a folder this user may write to")


def check_writable(out: Path) -> None:
    """Raise `InputError` where no folder could be made at `out`, or nothing be written into it."""
    parent = out
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"cannot write to {out}: {parent} is not a folder this user may write to")


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then rename it to `path`; on any error `path` stays as it was."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole; NaN is an error, since JSON has none."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_rows(path: Path, rows: pd.DataFrame) -> None:
    """Write a table as Parquet, whole."""
    write_whole(path, lambda temporary: rows.to_parquet(temporary, index=False))
