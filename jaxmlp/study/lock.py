"""The lock of a study's folder: one process works in it at a time."""

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from jaxmlp.errors import InputError

LOCK_FILE = ".lock"
"""Held by the process that works in the folder; the system lets go of it when that process dies, however."""
LOCK_TRIES = 100


class FolderLock:
    """The lock of one folder."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._lock = FileLock(out / LOCK_FILE)

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._lock.is_locked

    def acquire(self) -> None:
        """Hold the lock; the folder is made where need be.

        A process that ends removes its lock file. Another one may have opened that file just before: it would then hold
        a lock on a file without a name, and a third process one on the next file of that name. So the name must, when
        the lock is held, still be that of the file that was there before; else it is tried again. The file is kept open
        for that long: its number cannot come back meanwhile.

        Raises:
            InputError: another process holds it, or no folder can be made here, such as in /proc.
        """
        path = self._out / LOCK_FILE
        with suppress(Timeout):
            for _ in range(LOCK_TRIES):
                with suppress(FileNotFoundError):  # the folder or the file went between two lines
                    self._out.mkdir(parents=True, exist_ok=True)
                    with path.open("a") as file:
                        self._lock.acquire(blocking=False)
                        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                            return
                self._lock.release()
            if not self._out.is_dir():
                raise InputError(f"cannot make the folder {self._out}: its file system does not take it")
        raise InputError(f"another process is working in {self._out}: wait for it, or give another folder")

    def release(self, made: list[Path]) -> None:
        """Let another process work in the folder; of the folders that were made for it, those without content go."""
        (self._out / LOCK_FILE).unlink(missing_ok=True)
        for folder in made:
            with suppress(OSError):  # something is in it
                folder.rmdir()
        self._lock.release()
