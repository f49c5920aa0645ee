"""A study to interrupt, as a program of its own: `python -m tests.study.trial OUT LOG [options]`.

Batch norm, Adam, plateau and early stopping: everything a run can carry from step to step. A chunk is one step and each
is checkpointed. LOG gets a line per chunk before it is executed: the group, the block's first seed and the clock.
With `--kills N` the study is run by children that are killed with SIGKILL at N random moments, and then to its end.
"""

import argparse
import os
import random
import signal
import time
from pathlib import Path

import jax
from rich.console import Console

from jaxmlp import data, study
from jaxmlp.nn import MLPSpec
from jaxmlp.study import processes, program
from jaxmlp.training import DataSpec, EvalSpec, Hyper, RunSpec, ScheduleSpec

EPOCHS, STEPS = 10, 4
PAUSE = 0.03
"""Seconds in each chunk of a study to be killed or stopped, with `--pause`: it would else be over too soon."""


def make_arms(groups=1):
    """An arm per group."""
    specs = [
        RunSpec(
            MLPSpec((64, 12, 10), activation=activation, norm="batch_norm"),
            data=DataSpec(batch_size=25, train_size=25 * STEPS),
            schedule=ScheduleSpec(plateau=True),
            evaluation=EvalSpec(batch_size=128, early_stopping=True, log_every=3),
            epochs=EPOCHS,
        )
        for activation in ("relu", "tanh", "sigmoid")[:groups]
    ]
    # Large enough a rate for plateaus and stops at different epochs, as the test checks.
    hyper = Hyper(learning_rate=0.3, plateau_patience=0, stop_patience=2)
    return [study.Arm(f"trial_{spec.mlp.activation}", spec, hyper) for spec in specs]


def log_chunks(path, pause):
    """Make every program write a line to the file before each chunk, and make every chunk one step and a pause."""
    program.Program.chunk_seconds = 1e-9
    original = program.Program.advance

    def advance(self, states, hypers, clock, count, repeats):
        if self.timed and count:  # neither while the program is being timed nor to measure epoch 0
            with path.open("a", encoding="utf-8") as file:
                print(self.spec.mlp.activation, int(states.seed[0]), int(clock), file=file, flush=True)
            time.sleep(pause)
        return original(self, states, hypers, clock, count, repeats)

    program.Program.advance = advance
    program.Program.timed = property(lambda self: "cost" in self.__dict__)


def run(options, *, resume):
    if options.coordinator:
        processes.join(options.coordinator, num_processes=options.processes, process_id=options.process_id)
    study.run(
        make_arms(options.groups),
        data.load("digits"),
        seeds=options.seeds,
        out=options.out,
        resume=resume,
        lanes=2,
        checkpoint_minutes=options.checkpoint_minutes,
        display=study.LineDisplay("trial", Console()),
    )


def run_and_kill(options):
    """Children in turn, killed at random moments: some while they begin, most in the midst of training, which is
    mostly the writing of checkpoints. The parent never touches jax, so it may fork.
    """
    moments = random.Random(0)
    for kill in range(1, options.kills + 1):
        before = chunks_logged(options.log)
        child = os.fork()
        if child == 0:
            run(options, resume=options.out.exists())
            os._exit(0)
        if kill % 5:
            wanted = before + moments.randint(1, 4)
            while chunks_logged(options.log) < wanted and os.waitpid(child, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
            time.sleep(moments.uniform(0.0, 2 * PAUSE))
        else:
            time.sleep(moments.uniform(0.0, 1.0))
        os.kill(child, signal.SIGKILL)  # fails where the study has ended: it must be long enough
        os.waitpid(child, 0)
    run(options, resume=options.out.exists())


def chunks_logged(log):
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--seeds", type=int, default=7)
    parser.add_argument("--checkpoint-minutes", type=float, default=0.0)
    parser.add_argument("--pause", action="store_true")
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--coordinator")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--process-id", type=int)
    parser.add_argument("--cache", required=True)
    options = parser.parse_args()
    jax.config.update("jax_compilation_cache_dir", options.cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    log_chunks(options.log, PAUSE if options.pause else 0.0)
    run_and_kill(options)


if __name__ == "__main__":
    main()
