"""What of a step's time is not its products: read from a profile of the compiled program.

A profile lengthens what it watches, the products' threads most of all: these are left to the floor's measurement, and
what is told of the other parts are upper bounds.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import jax

from experiments.benchmarks.speed.ours import Training

PARTS = {
    "batch": r"\bbatch\b",
    "update": r"\bupdate\b",
    "norms, activations, loss": r"jvp\(",
}
"""By name: the operations that come from there, by what they are called in the program, `vmap(update)` in lanes. What a
product is fused with, and the accuracy of a batch, belong to none.
"""


def seconds_by_part(training: Training, steps: int) -> dict[str, float]:
    """Of one step of all runs, by `PARTS`; empty where the profile does not tell operations by their names."""
    sources = sources_of(training.programs[0].text)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            training(steps)
        (file,) = Path(folder).rglob("*.xplane.pb")
        planes = jax.profiler.ProfileData.from_file(str(file)).planes
        seconds: dict[str, float] = {}
        for event in (event for plane in planes for line in plane.lines for event in line.events):
            part = part_of(sources.get(event.name, ""))
            if part is not None:
                seconds[part] = seconds.get(part, 0.0) + event.duration_ns / 1e9
    return {part: total / steps / len(training.programs) for part, total in seconds.items()}


def sources_of(text: str) -> Mapping[str, str]:
    """Where operations come from, by name; without loops and calls, which contain others."""
    found = re.findall(r"^\s*(?:ROOT )?%?([\w.\-]+) = .*op_name=\"([^\"]*)\"", text, re.MULTILINE)
    return {name: source for name, source in found if not re.match("while|call|conditional", name)}


def part_of(source: str) -> str | None:
    """The part that an operation belongs to; None for a product, and for what is not done in every step."""
    if source.endswith("/dot_general"):
        return None
    return next((part for part, pattern in PARTS.items() if re.search(pattern, source)), None)
