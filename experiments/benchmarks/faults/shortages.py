"""What runs out: room on a disk, or memory, from a chosen moment on until somebody makes room."""

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from experiments.benchmarks.faults.jobs import STUDY, StepByStep, Undertaking, train_job
from experiments.benchmarks.faults.operations import MAKES, Watched, watch_operations

Shortage = Callable[[Path, int | None], AbstractContextManager[Any]]
"""From a folder and the number of a moment, None for never: a context whose `count` says how many moments it had."""


class StarvedProgram(StepByStep):
    """A program for which memory runs out, as XLA says it."""

    count: ClassVar[int] = 0
    room: ClassVar[int | None] = None
    """How many calls there is memory for; None for any."""

    @classmethod
    def meet(cls) -> None:
        """A call that takes memory."""
        StarvedProgram.count += 1
        if cls.room is not None and cls.count > cls.room:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes.")

    def _compile(self) -> None:
        self.meet()
        super()._compile()

    def draw(self, block: Any) -> Any:
        """The block's states before training, if there is memory."""
        self.meet()
        return super().draw(block)

    def advance(self, states: Any, hypers: Any, clock: int, count: int, repeats: int) -> Any:
        """Steps, if there is memory."""
        self.meet()
        return super().advance(states, hypers, clock, count, repeats)

    def finish(self, states: Any, hypers: Any) -> Any:
        """The test, if there is memory."""
        self.meet()
        return super().finish(states, hypers)


ALONE = Undertaking(
    "study, one lane", STUDY.prepare, partial(train_job, lanes=1, program=StarvedProgram), STUDY.content
)
"""One lane has no half: a study without memory for it has to stop."""


def _raising(out: Path, at: int | None, error: Callable[[], Exception]) -> AbstractContextManager[Watched]:
    def meet(number: int, event: str) -> None:
        if at is not None and number >= at and event in MAKES:
            raise error()

    return watch_operations(out, meet)


def full_disk(out: Path, at: int | None) -> AbstractContextManager[Watched]:
    """No file or folder can be made any more."""
    return _raising(out, at, lambda: OSError(errno.ENOSPC, "No space left on device"))


def no_host_memory(out: Path, at: int | None) -> AbstractContextManager[Watched]:
    """Whoever wants to write has no memory to do it with."""
    return _raising(out, at, MemoryError)


@contextmanager
def no_device_memory(out: Path, at: int | None) -> Iterator[type[StarvedProgram]]:
    """A program that is compiled, or called, finds no memory."""
    StarvedProgram.count, StarvedProgram.room = 0, None if at is None else at - 1
    try:
        yield StarvedProgram
    finally:
        StarvedProgram.room = None
