"""Death at every file operation, two processes in one folder, full disks and full memory: what is left goes on.

A trial that may die or hang is a process of its own, forked from one that has loaded everything and never used jax.
What goes on afterwards does so in one long-lived process, which keeps compiled programs.
"""

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.benchmarks.faults.jobs import STUDY, Undertaking, listing
from experiments.benchmarks.faults.operations import watch_operations
from experiments.benchmarks.faults.shortages import Shortage
from experiments.benchmarks.faults.trying import TryOutcome
from jaxmlp.cli.parsing import FAULT, REFUSED, told_of
from jaxmlp.files import is_temporary

LONGEST_DELAY = 4.0
"""Seconds from one process of a race to the other: longer than a study takes."""
LONGEST_TRIAL = 120
"""Seconds after which a process hangs."""
PATIENCE = 300


def fork_trial(act: Callable[[], Any]) -> tuple[int, int]:
    """Start a process that does this alone; (its number, where it writes what it died of)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    code = 0
    try:
        signal.alarm(LONGEST_TRIAL)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        act()
    except BaseException as error:
        code, line = told_of(error) if isinstance(error, Exception) else (FAULT, repr(error))
        told = line if code == REFUSED else "".join(traceback.format_exception(error))[-1500:]
        os.write(writing, told.encode())
    os._exit(code)


def join_trial(trial: tuple[int, int]) -> tuple[int, str]:
    """(exit code, or a signal's number below 0, and the last words) of what `fork_trial` began."""
    child, reading = trial
    with os.fdopen(reading, "rb") as pipe:
        words = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), words


def _dying(undertaking: Undertaking, out: Path, at: int) -> None:
    """Do it, and die at one operation: at every second one in the midst of writing a file, half of which is there."""

    def meet(number: int, _: str) -> None:
        if number == at:
            for path in out.rglob(".*") if at % 2 else ():
                if is_temporary(path):
                    os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    with watch_operations(out, meet):
        undertaking.act(out)


def _anew(undertaking: Undertaking, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    undertaking.prepare(out)


def _undisturbed(undertaking: Undertaking, out: Path) -> Any:
    _anew(undertaking, out)
    undertaking.act(out)
    return undertaking.content(out)


def _gone_on(undertaking: Undertaking, out: Path, wanted: Any) -> str:
    """Go on with it; what is wrong with the outcome, "" where nothing is."""
    try:
        undertaking.act(out)
        found = undertaking.content(out)
    except Exception as error:
        return f"it does not go on: {type(error).__name__}: {str(error)[:300]}"
    other = [
        name for name in {*wanted, *found} if (name in wanted, wanted.get(name)) != (name in found, found.get(name))
    ]
    return f"other content of {sorted(other)[:5]}" if other else ""


@contextmanager
def _going_on() -> Iterator[ProcessPoolExecutor]:
    """The process in which things go on."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as beside:
        yield beside


def _note(outcome: TryOutcome, what: str, wrong: str) -> None:
    outcome.tries += 1
    if wrong:
        outcome.num_faults += 1
        outcome.faults.append(f"{outcome.name} {what}: {wrong}"[:600])


def count_deaths(undertaking: Undertaking, folder: Path, *, first: int = 1, every: int = 1) -> TryOutcome:
    """Kill it with SIGKILL at each operation, or at every n-th from the first on, and go on.

    Args:
        undertaking: what is killed.
        folder: an empty one.
        first: number of the operation of the first death.
        every: from there to the next.
    """
    outcome, out = TryOutcome(f"kill -9: {undertaking.name}"), folder / undertaking.name
    with _going_on() as beside:
        wanted = beside.submit(_undisturbed, undertaking, out).result(PATIENCE)
        for at in count(first, every):
            _anew(undertaking, out)
            code, words = join_trial(fork_trial(lambda at=at: _dying(undertaking, out, at)))
            if code == 0:  # it has fewer operations
                return outcome
            wrong = beside.submit(_gone_on, undertaking, out, wanted).result(PATIENCE)
            _note(outcome, f"at operation {at}", wrong if code == -signal.SIGKILL else f"exit code {code}: {words}")
    return outcome


def count_races(folder: Path, races: int, seed: int = 0) -> TryOutcome:
    """Two processes begin one study at random moments: one is refused or finds it done, and all is there."""
    outcome, numbers = TryOutcome("races"), np.random.default_rng(seed)
    out = folder / "race"
    with _going_on() as beside:
        wanted = beside.submit(_undisturbed, STUDY, out).result(PATIENCE)
        for race in range(races):
            _anew(STUDY, out)
            first = fork_trial(lambda: STUDY.act(out))
            time.sleep(delay := numbers.uniform(0, LONGEST_DELAY) * numbers.random())
            ends = [join_trial(trial) for trial in (first, fork_trial(lambda: STUDY.act(out)))]
            codes = sorted(code for code, _ in ends)
            wrong = "" if codes in ([0, 0], [0, REFUSED]) else f"they ended with {ends}"
            outcome.refused += REFUSED in codes
            if not wrong and listing(out) != [name for name in wanted if (out / name).exists()]:
                wrong = "something is left or lacks"
            wrong = wrong or beside.submit(_gone_on, STUDY, out, wanted).result(PATIENCE)
            _note(outcome, f"{seed}/{race}, {delay:.2f} s apart", wrong)
    return outcome


def _starved(undertaking: Undertaking, out: Path, wanted: Any, shortage: Shortage, at: int) -> tuple[bool, str]:
    """(whether it was stopped with one line, what is wrong): do it while something runs out, then without that."""
    _anew(undertaking, out)
    stopped = False
    try:
        with shortage(out, at):
            undertaking.act(out)
    except Exception as error:
        code, line = told_of(error)
        stopped = True
        if code != REFUSED or "\n" in line:
            return True, f"exit code {code}: {line[:300]}"
    if left := [path.name for path in out.rglob("*") if is_temporary(path)]:
        return stopped, f"temporary files are left: {left[:3]}"
    return stopped, _gone_on(undertaking, out, wanted)


def _starve_each(undertaking: Undertaking, out: Path, shortage: Shortage, places: int) -> list[tuple[int, bool, str]]:
    wanted = _undisturbed(undertaking, out)
    _anew(undertaking, out)
    with shortage(out, None) as heard:
        undertaking.act(out)
    numbers = sorted({1 + round(i * (heard.count - 1) / max(places - 1, 1)) for i in range(places)})
    return [(at, *_starved(undertaking, out, wanted, shortage, at)) for at in numbers]


def count_shortages(
    name: str, undertaking: Undertaking, folder: Path, shortage: Shortage, places: int = 10
) -> TryOutcome:
    """Let something run out from each of so many moments on, and go on when there is room again.

    Args:
        name: of what runs out.
        undertaking: what is starved.
        folder: an empty one.
        shortage: what runs out.
        places: how many moments, evenly spread from the first to the last.
    """
    outcome = TryOutcome(f"{name}: {undertaking.name}")
    with _going_on() as beside:
        arguments = (undertaking, folder / undertaking.name, shortage, places)
        for at, stopped, wrong in beside.submit(_starve_each, *arguments).result(PATIENCE * places):
            outcome.refused += stopped
            _note(outcome, f"from moment {at} on", wrong)
    return outcome


def prepare_trials(cache: Path) -> None:
    """Keep compiled programs here, for all processes of the trials."""
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    sys.stdout.flush()
