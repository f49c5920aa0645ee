"""What jaxmlp costs, measured by a command and kept in `experiments/published/benchmark/`.

    python -m experiments benchmark startup
    python -m experiments benchmark rows
    python -m experiments benchmark speed
    python -m experiments benchmark floor
    python -m experiments benchmark probes
    python -m experiments benchmark diagnosis
    python -m experiments benchmark faults

`startup`: the seconds from a process's imports to its first training step, with an empty folder of compiled programs
(cold) and with what the cold process left there (warm), for D0's nets of 5, 22 and 41 layers.

`speed`: training throughput beside PyTorch, flax.nnx, Equinox, Keras, scikit-learn and NumPy; `floor`: beside what the
machine could do at most. See `experiments.benchmarks.speed`. Both need the extra `bench` and a free machine. Where JAX
and PyTorch have a GPU, the same commands measure there, 1, 64 and 1,024 runs.

`probes`: how many times the plain time training takes when it is watched; see `experiments.benchmarks.watching`.
`diagnosis`: how often `jaxmlp why` names what was planted, in one half of the situations; `tuning`: in the
other half, by which its thresholds may be set. See `experiments.benchmarks.diagnosis`.
`faults`: wrong input of every kind, twelve minutes a round, and how much of it was refused in one line, let through, or
broke something. See `experiments.benchmarks.faults`.

`rows`: the seconds to make and to open the results of a large study: 100 settings, 100 seeds, epochs 0 to 99.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.lab.documents.d0 import HIDDEN_WIDTHS
from jaxmlp import nn, study, training
from jaxmlp.evidence.plotting import svg_bytes
from jaxmlp.files import read_sealed_json, write_sealed_json, write_whole
from jaxmlp.study.arms import describe_arm, make_run, varying_settings
from jaxmlp.study.finished import block_rows
from jaxmlp.study.manifest import PACKAGES, describe_device
from jaxmlp.study.processor import describe_processor
from jaxmlp.study.results import assemble

FLOOR_WORKLOADS = ("b", "c", "d", "e", "f", "fr")
"""Not XOR, of whose products only the calls would be timed, and not D2's grid, of which a step is an epoch."""
PUBLISHED_BENCHMARKS = Path(__file__).parents[1] / "published" / "benchmark"


def in_a_process(layers: str, cache: str) -> dict[str, float]:
    """The seconds to a first step of a new process, with programs kept in the folder `cache`."""
    command = [sys.executable, "-m", "experiments.benchmarks.first_step", layers, cache]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def startup(rounds: int, first_step: Callable[[str, str], dict[str, float]] = in_a_process) -> dict[str, Any]:
    """By number of layers: `cold` and `warm`, a list of `rounds` measurements each."""
    measured = {str(layers): {"cold": [], "warm": []} for layers in HIDDEN_WIDTHS}
    for _ in range(rounds):
        for layers, kinds in measured.items():
            with tempfile.TemporaryDirectory() as cache:
                for samples in kinds.values():
                    samples.append(first_step(layers, cache))
    return measured


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


def rows(rounds: int) -> dict[str, Any]:
    """`rows`, how many; `assemble`, `save` and `load`, a list of `rounds` seconds each."""
    axes = {
        "hyper.learning_rate": np.geomspace(1e-4, 1.0, 10).tolist(),
        "hyper.weight_decay": [0.1 * i for i in range(10)],
    }
    spec = training.RunSpec(nn.MLPSpec((64, 10)), optimizer=training.OptimizerSpec("sgd", weight_decay=True), epochs=99)
    arms = study.grid(spec, training.Hyper(), axes)
    numbers = np.random.default_rng(0)
    blocks = []
    for arm in arms:
        history = {metric: numbers.random((100, spec.epochs + 1)) for metric in training.METRICS}
        measured = {metric: np.ones_like(values, bool) for metric, values in history.items()}
        blocks.append(block_rows("rows", [make_run(arm, seed, "") for seed in range(100)], history, measured))
    settings = varying_settings({arm.name: describe_arm(arm) for arm in arms})
    measured: dict[str, Any] = {"assemble": [], "save": [], "load": []}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            times = [time.perf_counter()]
            table = assemble(pd.concat(blocks, ignore_index=True), settings)
            times.append(time.perf_counter())
            study.Results({"epochs": table}, {}).save(Path(name))
            times.append(time.perf_counter())
            study.Results.load(Path(name))
            times.append(time.perf_counter())
            for part, seconds in zip(measured, np.diff(times), strict=True):
                measured[part].append(float(seconds))
    return {"rows": sum(map(len, blocks))} | measured


def rows_table(measured: dict[str, Any]) -> str:
    """Medians in Markdown."""
    parts = [_range(measured[part]) for part in ("assemble", "save", "load")]
    n = len(measured["load"])
    lines = ["| rows | to assemble | to save | to open | n |", "|---|---|---|---|---|"]
    return "\n".join([*lines, f"| {measured['rows']:,} | {' | '.join(parts)} | {n} |"])


def _median(samples: list[dict[str, float]], part: str) -> str:
    return _range([sample[part] for sample in samples])


def _range(seconds: list[float]) -> str:
    return f"{np.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"


def speed(rounds: int) -> dict[str, Any]:
    """What `experiments.benchmarks.speed.comparison.compare` measures, of all workloads."""
    from experiments.benchmarks.speed.comparison import compare
    from experiments.benchmarks.speed.report import ORDER

    return compare(ORDER, rounds, _say)


def floor(rounds: int) -> dict[str, Any]:
    """The same of us and the machine, for the workloads with products worth timing."""
    from experiments.benchmarks.speed.comparison import beside_the_floor, compare

    return compare(FLOOR_WORKLOADS, rounds, _say, beside_the_floor)


def probes(rounds: int) -> dict[str, Any]:
    """What `experiments.benchmarks.watching.probe_costs` measures, of its workloads."""
    from experiments.benchmarks.watching import probe_costs
    from jaxmlp.cli.jax_settings import keep_programs

    keep_programs()  # the memory of a program is that of one compiled once more
    return probe_costs(rounds, _say)


def probes_table(measured: dict[str, Any]) -> str:
    """One table, and what others have published."""
    from experiments.benchmarks.watching import probe_costs_table

    return probe_costs_table(measured)


def diagnosis_reported(rounds: int) -> dict[str, Any]:
    """What `diagnosis.why` says of the situations whose figures are told."""
    from experiments.benchmarks.diagnosis import diagnose

    return diagnose("reported", rounds, _say)


def diagnosis_tuning(rounds: int) -> dict[str, Any]:
    """The same of the situations by which its thresholds may be set."""
    from experiments.benchmarks.diagnosis import diagnose

    return diagnose("tuning", rounds, _say)


def diagnosis_tables(measured: dict[str, Any]) -> str:
    """One table."""
    from experiments.benchmarks.diagnosis import diagnosis_table

    return diagnosis_table(measured)


def _say(line: str) -> None:
    print(line, flush=True)


def floor_tables(measured: dict[str, Any]) -> str:
    """One table."""
    from experiments.benchmarks.speed.report import floor_table

    return floor_table(measured)


def speed_tables(measured: dict[str, Any]) -> str:
    """Ratios, then what variants of ours cost, then starting and memory."""
    from experiments.benchmarks.speed.report import cost_table, speed_table, variants_table

    return "\n\n".join(table(measured) for table in (speed_table, variants_table, cost_table))


def faults(rounds: int) -> dict[str, Any]:
    """What `experiments.benchmarks.faults.report.count_faults` counts."""
    from experiments.benchmarks.faults import report

    return report.count_faults(rounds)


def faults_table(measured: dict[str, Any]) -> str:
    """One table, and the first faults."""
    from experiments.benchmarks.faults import report

    return report.faults_markdown(measured)


def _speed_figure(measured: dict[str, Any]) -> Figure:
    from experiments.benchmarks.speed.report import speed_figure

    return speed_figure(measured)


@dataclass(frozen=True)
class Benchmark:
    """What measures, and what tells of it."""

    measure: Callable[[int], dict[str, Any]]
    """From the number of rounds."""
    table: Callable[[dict[str, Any]], str]
    """In Markdown."""
    figure: Callable[[dict[str, Any]], Figure] | None = None
    numbers: str = "median (smallest to largest)"
    """What the table's are."""
    rounds: int = 5
    """Unless others are asked for."""


BENCHMARKS = {
    "startup": Benchmark(startup, startup_table),
    "rows": Benchmark(rows, rows_table),
    "speed": Benchmark(speed, speed_tables, _speed_figure, "float32 but where bfloat16 is named"),
    "diagnosis": Benchmark(diagnosis_reported, diagnosis_tables, numbers="shares of situations", rounds=1),
    "tuning": Benchmark(diagnosis_tuning, diagnosis_tables, numbers="shares of situations", rounds=1),
    "floor": Benchmark(floor, floor_tables, numbers="float32"),
    "probes": Benchmark(probes, probes_table, numbers="geometric mean over rounds"),
    "faults": Benchmark(faults, faults_table, numbers="counts"),
}
"""By name."""


def run_benchmark(name: str, *, rounds: int | None, command: str) -> Path:
    """Measure and publish; returns the file written. Rounds of None are the benchmark's own number."""
    benchmark = BENCHMARKS[name]
    measured = benchmark.measure(benchmark.rounds if rounds is None else rounds)
    content = {
        "benchmark": name,
        "command": command,
        "measured_on": datetime.now(UTC).date().isoformat(),
        "device": describe_device(),
        "processor": describe_processor(),
        "versions": {package: version(package) for package in PACKAGES},
        "measured": measured,
    }
    PUBLISHED_BENCHMARKS.mkdir(parents=True, exist_ok=True)
    platform = jax.default_backend()
    path = PUBLISHED_BENCHMARKS / f"{name if platform == 'cpu' else f'{name}_{platform}'}.json"
    write_sealed_json(path, content)
    if benchmark.figure is not None:
        picture = svg_bytes(benchmark.figure(measured), path.stem)
        write_whole(path.with_suffix(".svg"), lambda temporary: temporary.write_bytes(picture))
    return path


def published_table(name: str) -> str:
    """The tables of a published benchmark and where they were measured, in Markdown: of a CPU, then of others."""
    files = sorted(PUBLISHED_BENCHMARKS.glob(f"{name}*.json"))  # a dot comes before the underscore of a platform
    return "\n\n".join(_table_of(name, path) for path in files) or f"`{name}` is not published yet."


def _table_of(name: str, path: Path) -> str:
    content = read_sealed_json(path)
    benchmark = BENCHMARKS[name]
    packages = {"jax": content["versions"]["jax"]} | content["measured"].get("versions", {})
    versions = ", ".join(f"{package} {number}" for package, number in packages.items())
    processor = content.get("processor", {}).get("name", "")
    where = ", ".join(filter(None, (content["device"], processor, versions, benchmark.numbers)))
    return f"{benchmark.table(content['measured'])}\n\n{where}; `{content['command']}`."
