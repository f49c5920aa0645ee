"""`python -m experiments benchmark faults`: all kinds of tries for an hour, and what became of them."""

import tempfile
from pathlib import Path
from typing import Any

from experiments.benchmarks.faults.calls import CALLS_FUZZER
from experiments.benchmarks.faults.lines import LINES
from experiments.benchmarks.faults.stored import DATA_FILES, FOLDERS, NETS
from experiments.benchmarks.faults.trying import run_tries

FUZZERS = (LINES, CALLS_FUZZER, DATA_FILES, NETS, FOLDERS)
MINUTES_A_ROUND = 12
"""Of all kinds together; five rounds, the default, are an hour."""


def count_faults(rounds: int) -> dict[str, Any]:
    """By kind: `tries`, `refused` with a line, `num_faults`, and the first `faults`; a round has a seed of its own."""
    seconds = MINUTES_A_ROUND * 60.0 / len(FUZZERS)
    found: dict[str, Any] = {}
    for seed in range(rounds):
        for fuzzer in FUZZERS:
            with tempfile.TemporaryDirectory() as folder:
                outcome = run_tries(fuzzer, Path(folder), seed=seed, seconds=seconds)
            total = found.setdefault(fuzzer.name, {"tries": 0, "refused": 0, "num_faults": 0, "faults": []})
            for name in ("tries", "refused", "num_faults", "faults"):
                total[name] += getattr(outcome, name)
            print(f"round {seed + 1}, {fuzzer.name}: {outcome.tries} tries, {outcome.num_faults} faults", flush=True)
    return found


def faults_markdown(measured: dict[str, Any]) -> str:
    """Counts in Markdown, and the first faults where there are any."""
    lines = ["| kind | tries | refused in a line | faults |", "|---|---|---|---|"]
    for name, found in measured.items():
        lines.append(f"| {name} | {found['tries']:,} | {found['refused']:,} | {found['num_faults']:,} |")
    first = [f"    {line}" for found in measured.values() for line in found["faults"]]
    return "\n".join([*lines, *([""] if first else []), *first])
