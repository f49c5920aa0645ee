"""`python -m experiments benchmark faults`: every kind of try and of trial, and what became of them."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from experiments.benchmarks.faults.calls import CALLS_FUZZER
from experiments.benchmarks.faults.flips import FLIPS
from experiments.benchmarks.faults.jobs import PUBLISH, REPORT, STUDY
from experiments.benchmarks.faults.lines import LINES, PROGRAM_LINES
from experiments.benchmarks.faults.shortages import ALONE, full_disk, no_device_memory, no_host_memory
from experiments.benchmarks.faults.stored import DATA_FILES, FOLDERS, NETS
from experiments.benchmarks.faults.trials import count_deaths, count_races, count_shortages, prepare_trials
from experiments.benchmarks.faults.trying import TryOutcome, run_tries

FUZZERS = (LINES, CALLS_FUZZER, DATA_FILES, NETS, FOLDERS)
"""Each try of these takes a moment."""
A_ROUND = {
    LINES: 2000,
    PROGRAM_LINES: 40,
    CALLS_FUZZER: 600,
    DATA_FILES: 400,
    NETS: 200,
    FOLDERS: 120,
    **dict(zip(FLIPS, (360, 240, 200), strict=True)),
}
"""Tries of each kind in a round; five rounds, the default, are about an hour with the trials."""
RACES = 50
"""In all."""
TRIALS: tuple[Callable[[Path], TryOutcome], ...] = (
    partial(count_deaths, STUDY),
    partial(count_deaths, REPORT),
    partial(count_deaths, PUBLISH),
    partial(count_races, races=RACES),
    partial(count_shortages, "full disk", STUDY, shortage=full_disk),
    partial(count_shortages, "full disk", REPORT, shortage=full_disk),
    partial(count_shortages, "full disk", PUBLISH, shortage=full_disk),
    partial(count_shortages, "out of memory", ALONE, shortage=no_host_memory),
    partial(count_shortages, "out of device memory", ALONE, shortage=no_device_memory),
)
"""Made once: they go through all moments, not through random ones."""


def count_faults(rounds: int) -> dict[str, Any]:
    """By kind: `tries`, `refused` with a line, `num_faults`, and the first `faults`; a round has a seed of its own.

    Trials come first: they fork, which a process that has used JAX must not.
    """
    found: dict[str, Any] = {}
    for outcome in (*_trials(), *_tries(rounds)):
        total = found.setdefault(outcome.name, {"tries": 0, "refused": 0, "num_faults": 0, "faults": []})
        for name in ("tries", "refused", "num_faults", "faults"):
            total[name] += getattr(outcome, name)
        print(
            f"{outcome.name}: {outcome.tries} tries, {outcome.num_faults} faults", *outcome.faults, sep="\n", flush=True
        )
    return found


def _trials() -> Iterator[TryOutcome]:
    with tempfile.TemporaryDirectory() as cache:
        prepare_trials(Path(cache))
        for trial in TRIALS:
            with tempfile.TemporaryDirectory() as folder:
                yield trial(Path(folder))


def _tries(rounds: int) -> Iterator[TryOutcome]:
    for seed in range(rounds):
        for fuzzer, count in A_ROUND.items():
            with tempfile.TemporaryDirectory() as folder:
                yield run_tries(fuzzer, Path(folder), seed=seed, count=count)


def faults_markdown(measured: dict[str, Any]) -> str:
    """Counts in Markdown, and the first faults where there are any."""
    lines = ["| kind | tries | refused in a line | faults |", "|---|---|---|---|"]
    for name, found in measured.items():
        lines.append(f"| {name} | {found['tries']:,} | {found['refused']:,} | {found['num_faults']:,} |")
    first = [f"    {line}" for found in measured.values() for line in found["faults"]]
    return "\n".join([*lines, *([""] if first else []), *first])
