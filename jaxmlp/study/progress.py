"""How a study shows that it lives: a display on a terminal, quiet lines elsewhere."""

import time
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

LINE_SECONDS = 15.0
"""Off a terminal, at most one line in so many seconds, and one at the end."""


@dataclass(frozen=True)
class Status:
    """Progress of a study after a chunk of steps.

    >>> status = Status(3.0, 3.0, 12.0, 0, 8, 40.0, 5, 20, ("he", "randn"), 0.9, 0.8, 10**9)
    >>> status.share, status.seconds_left
    (0.25, 9.0)
    """

    seconds: float
    """Since training began: compiling is over by then."""
    seconds_done: float
    """Work done, in estimated seconds: what the bar and the ETA stand on."""
    seconds_total: float
    runs_done: int
    runs: int
    run_epochs: float
    """Epochs that this call has trained, of all runs together."""
    epoch: int
    """Of the block that is training, the epoch it has reached."""
    epochs: int
    arms: tuple[str, ...]
    """Names of the arms in that block."""
    best: float
    median: float
    """Best and median score of that block's runs: validation, or training where there is none."""
    memory_bytes: int
    """Held by this process."""
    numbers: bool = False
    """Whether the score is R², not accuracy."""

    @property
    def share(self) -> float:
        """Share of the work that is done."""
        return self.seconds_done / self.seconds_total if self.seconds_total else 1.0

    @property
    def seconds_left(self) -> float:
        """Seconds left at the speed so far."""
        return self.seconds * max(1.0 - self.share, 0.0) / max(self.share, 1e-9)

    @property
    def text(self) -> str:
        """The status in words."""
        first, *others = self.arms
        more = f" and {len(others)} more" if others else ""
        score, form = ("R²", ".3f") if self.numbers else ("accuracy", ".1%")
        return (
            f"{first}{more}: epoch {self.epoch}/{self.epochs}, {score} best {self.best:{form}} "
            f"median {self.median:{form}}, runs done {self.runs_done}/{self.runs}, "
            f"{self.run_epochs / max(self.seconds, 1e-9):.1f} run-epochs/s, {self.memory_bytes / 1e9:.1f} GB"
        )


class Display(Protocol):
    """Receives the progress of `study.run`; a context manager.

    >>> class Silent:
    ...     def __enter__(self): return self
    ...     def __exit__(self, *error): pass
    ...     def say(self, message): pass
    ...     def show(self, status): pass
    >>> display: Display = Silent()
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def say(self, message: str) -> None:
        """A line that stays."""
        ...

    def show(self, status: Status) -> None:
        """The present state."""
        ...


class LiveDisplay:
    """A rich progress bar with share done, time elapsed and to go, and below it epoch, accuracies, runs and memory.

    >>> import io
    >>> console = Console(file=io.StringIO(), width=80)
    >>> with LiveDisplay("starts", console) as display:
    ...     display.say("Training 8 nets.")
    >>> "Training 8 nets." in console.file.getvalue()
    True
    """

    def __init__(self, name: str, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
        )
        self._task = self._bar.add_task(name, total=1.0, left="")
        self._live = Live(self._with(""), console=console)

    def _with(self, text: str) -> Group:
        return Group(self._bar, Text(text))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._live.stop()

    def say(self, message: str) -> None:
        """Print above the bar."""
        self._live.console.print(message, markup=False, highlight=False)

    def show(self, status: Status) -> None:
        """Move the bar."""
        left = f"ETA {timedelta(seconds=round(status.seconds_left))}"
        self._bar.update(self._task, completed=status.share, left=left)
        self._live.update(self._with(status.text))


class LineDisplay:
    """Plain lines, few enough for a log file.

    >>> import io
    >>> console = Console(file=io.StringIO(), width=80)
    >>> with LineDisplay("starts", console) as display:
    ...     display.say("Training 8 nets.")
    >>> console.file.getvalue().strip()
    'Training 8 nets.'
    """

    def __init__(self, name: str, console: Console) -> None:
        self._name, self._console = name, console
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind, error, trace) -> None:
        pass

    def say(self, message: str) -> None:
        """Print."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def show(self, status: Status) -> None:
        """Print, unless it is too soon."""
        now = time.monotonic()
        if now - self._last < LINE_SECONDS and status.runs_done < status.runs:
            return
        self._last = now
        self.say(f"{self._name} {status.share:4.0%}, about {status.seconds_left:.0f} s left, {status.text}")


def make_display(name: str, console: Console) -> Display:
    """Choose a live bar for a terminal, and plain lines for a file or a pipe.

    >>> import io
    >>> type(make_display("starts", Console(file=io.StringIO()))).__name__  # not a terminal
    'LineDisplay'
    """
    return LiveDisplay(name, console) if console.is_terminal else LineDisplay(name, console)
