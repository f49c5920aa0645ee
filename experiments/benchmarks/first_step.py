"""How long a new process takes to its first training step: `python -m experiments.benchmarks.first_step LAYERS CACHE`.

D0's net of so many layers with batch norm, Adam and batches of 64, on the built-in digits, one run. Prints one JSON
object of seconds; `experiments.benchmarks.running` runs it with an empty folder CACHE for compiled programs, then
again.
"""

import json
import sys
import time

BEGIN = time.perf_counter()

# ruff: noqa: E402 - what is measured first is the imports: those of `python -m experiments run`.
import jax

import experiments.lab.session  # noqa: F401
from experiments.lab.documents.d0 import HIDDEN_WIDTHS
from jaxmlp import data, nn, study, training
from jaxmlp.study.arms import make_run
from jaxmlp.study.blocks import Layout, usual_strategy
from jaxmlp.study.program import Program

IMPORTED = time.perf_counter()


def _main() -> None:
    """Everything a study does up to its first step, the one that it times: data, programs, the net's draw, the step."""
    layers, cache = int(sys.argv[1]), sys.argv[2]
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    digits = jax.device_put(data.load("digits"))
    loaded = time.perf_counter()
    spec = training.RunSpec(
        nn.MLPSpec((64, *HIDDEN_WIDTHS[layers], 10), norm="batch_norm"), data=training.DataSpec(batch_size=64)
    )
    block = (make_run(study.Arm(f"layers_{layers}", spec, training.Hyper()), 0, digits.digest),)
    program = Program(spec, digits, Layout(1, usual_strategy(1)))
    compiled = time.perf_counter()
    states = program.draw(block)
    jax.block_until_ready(program.advance(states, program.hypers(block), 0, 1, 1))
    stepped = time.perf_counter()
    seconds = {
        "import": IMPORTED - BEGIN,
        "data": loaded - IMPORTED,
        "programs": compiled - loaded,
        "first_step": stepped - compiled,
        "after_import": stepped - IMPORTED,
    }
    print(json.dumps(seconds))


if __name__ == "__main__":
    _main()
