"""What jaxmlp costs, measured by a command and kept in `experiments/published/benchmark/`.

    python -m experiments benchmark startup

`startup`: the seconds from a process's begin to its first training step, with an empty folder of compiled programs
(cold) and with what the cold process left there (warm), for D0's nets of 5, 22 and 41 layers.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from experiments.nets import HIDDEN
from jaxmlp.files import write_json
from jaxmlp.study.manifest import PACKAGES, describe_device

PUBLISHED = Path(__file__).parent / "published" / "benchmark"


def startup(rounds: int) -> dict[str, Any]:
    """By number of layers: `cold` and `warm`, a list of `rounds` measurements each."""
    measured = {str(layers): {"cold": [], "warm": []} for layers in HIDDEN}
    for _ in range(rounds):
        for layers, kinds in measured.items():
            with tempfile.TemporaryDirectory() as cache:
                for samples in kinds.values():
                    samples.append(_first_step(layers, cache))
    return measured


def _first_step(layers: str, cache: str) -> dict[str, float]:
    command = [sys.executable, "-m", "experiments.first_step", layers, cache]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def startup_table(measured: dict[str, Any]) -> str:
    """Medians in Markdown."""
    lines = [
        "| layers | cold: compiling | cold: to the first step | warm: to the first step | n |",
        "|---|---|---|---|---|",
    ]
    for layers, kinds in measured.items():
        compiling, cold = _median(kinds["cold"], "programs"), _median(kinds["cold"], "after_import")
        warm = _median(kinds["warm"], "after_import")
        lines.append(f"| {layers} | {compiling} | {cold} | {warm} | {len(kinds['warm'])} |")
    return "\n".join(lines)


def _median(samples: list[dict[str, float]], part: str) -> str:
    values = [sample[part] for sample in samples]
    return f"{np.median(values):.1f} s ({min(values):.1f} to {max(values):.1f})"


BENCHMARKS: dict[str, tuple[Callable[[int], dict[str, Any]], Callable[[dict[str, Any]], str]]] = {
    "startup": (startup, startup_table),
}
"""By name: what measures, and the table of what was measured."""


def run_benchmark(name: str, *, rounds: int, command: str) -> Path:
    """Measure and publish; returns the file written."""
    measure, _ = BENCHMARKS[name]
    content = {
        "benchmark": name,
        "command": command,
        "measured_on": datetime.now(UTC).date().isoformat(),
        "device": describe_device(),
        "versions": {package: version(package) for package in PACKAGES},
        "measured": measure(rounds),
    }
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    path = PUBLISHED / f"{name}.json"
    write_json(path, content)
    return path


def published_table(name: str) -> str:
    """The table of a published benchmark and where it was measured, in Markdown."""
    content = json.loads((PUBLISHED / f"{name}.json").read_text(encoding="utf-8"))
    _, table = BENCHMARKS[name]
    where = f"{content['device']}, jax {content['versions']['jax']}, median (smallest to largest)"
    return f"{table(content['measured'])}\n\n{where}; `{content['command']}`."
