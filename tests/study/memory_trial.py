"""How much a block's plan says and how much the process grows: `python -m tests.study.memory_trial LANES`."""

import json
import sys
from pathlib import Path

import jax

from jaxmlp import data
from jaxmlp.nn import MLPSpec
from jaxmlp.study.arms import Arm, make_run
from jaxmlp.study.blocks import Layout
from jaxmlp.study.program import Program
from jaxmlp.training import DataSpec, EvalSpec, RunSpec


def peak_bytes():
    """Of this program alone: `getrusage` gives a child the peak of the process that started it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return 1024 * int(line.split()[1])


def main():
    lanes = int(sys.argv[1])
    digits = jax.device_put(data.load("digits"))
    spec = RunSpec(
        MLPSpec((64, 1024, 1024, 10), norm="batch_norm"),
        data=DataSpec(batch_size=64, train_size=256),
        evaluation=EvalSpec(batch_size=128, train_subset=128),
        epochs=1,
    )
    program = Program(spec, digits, Layout(lanes))
    block = tuple(make_run(Arm("a", spec), seed, digits.digest) for seed in range(lanes))
    before = peak_bytes()
    states, hypers = program.start(block), program.hypers(block)
    for clock, count, repeats in [(0, 2, 1), (2, 2, 1)]:
        states = program.advance(states, hypers, clock, count, repeats)
    jax.block_until_ready(program.finish(states, hypers))
    print(json.dumps({"plan": program.memory_bytes, "growth": peak_bytes() - before}))


if __name__ == "__main__":
    main()
