"""Python's file operations below a folder, counted as they come; any of them can be met by death or by an error.

An audit hook hears of an operation before it is done. What it does then stands for a process that is killed, or a disk
that is full, at that moment. Arrow and safetensors write behind Python's back, into a file that Python opened before.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAKES = ("open", "os.mkdir")
"""Operations that take room on a disk."""
_OPERATIONS = {"open": 1, "os.mkdir": 1, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.chmod": 1}
"""By event, how many paths it names. Of "open" those for writing count."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Watched:
    """A folder, and what is done at each operation below it."""

    folder: str
    meet: Callable[[int, str], None]
    """Gets the operation's number, from 1, and its event; an error that it raises is what the operation ends with."""
    count: int = 0


_watched: list[Watched] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or event not in _OPERATIONS:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
        return
    for path in arguments[: _OPERATIONS[event]]:
        if isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(_watched[-1].folder):
            _watched[-1].count += 1
            _watched[-1].meet(_watched[-1].count, event)
            return


@contextmanager
def watch_operations(folder: Path, meet: Callable[[int, str], None] = lambda number, event: None) -> Iterator[Watched]:
    """Watch the operations below a folder; a process hears them from the first call of this on."""
    global _hearing
    if not _hearing:
        sys.addaudithook(_hear)  # which nothing removes
        _hearing = True
    _watched.append(Watched(str(folder), meet))
    try:
        yield _watched[-1]
    finally:
        _watched.pop()


_hearing = False
