"""`time_arms`: what a step costs, arm by arm (S-099).

A study cannot say: its arms share lanes and a clock. Here each arm trains alone, one lane, a fixed number of steps.
"""

from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
import pandas as pd

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, check_count
from jaxmlp.study.arms import Arm, check_arms, make_run
from jaxmlp.study.blocks import Layout
from jaxmlp.study.manifest import describe_device
from jaxmlp.study.plan import THIS_MACHINE, Machine
from jaxmlp.study.program import Program


def time_arms(
    arms: Sequence[Arm], dataset: Dataset, *, steps: int, rounds: int = 5, machine: Machine = THIS_MACHINE
) -> pd.DataFrame:
    """Time `steps` training steps of every arm, `rounds` times.

    Rounds go over the arms in turn (a b c a b c ...), so a machine that grows slower does so for all; a round before
    the first warms up and is not kept. Every round of an arm starts from the same new run (seed 0) and does the same
    steps. Nothing is evaluated; drawing an order of the data, once for at most an epoch's steps less one, is included.

    Args:
        arms: the settings; those of one spec share a compiled program.
        dataset: from `data.load`.
        steps: per arm and round; enough for a tenth of a second or more.
        rounds: kept rounds, the sample of a timed claim: pair the arms by round.
        machine: what compiles, and the clock.

    Returns:
        One row per round and arm: arm, round (from 1), steps (as the run counted them), seconds, seconds_per_step,
        batch_size, device.

    Raises:
        InputError: arms that cannot run, steps or rounds below 1, or an arm whose epoch is a single step, which
            no training without evaluation contains.

    >>> from jaxmlp import data, nn, study, training
    >>> spec = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none", batch_size=10))
    >>> times = time_arms([study.Arm("linear", spec)], data.load("iris"), steps=5, rounds=2)
    >>> times[["arm", "round", "steps"]].to_numpy().tolist()
    [['linear', 1, 5], ['linear', 2, 5]]
    """
    check_count("steps", steps)
    check_count("rounds", rounds)
    check_arms(arms, dataset)
    for arm in arms:
        if arm.spec.data.steps_per_epoch(dataset.train_inputs.shape[0]) < 2:
            raise InputError(
                f"arm {arm.name!r} trains one step an epoch, which ends with an evaluation: give a smaller batch size"
            )
    dataset = jax.device_put(dataset, jax.local_devices()[0])
    specs = dict.fromkeys(arm.spec for arm in arms)
    programs = {spec: machine.program(spec, dataset, Layout(1, "map")) for spec in specs}
    device = describe_device()
    rows = [
        {"arm": arm.name, "round": number}
        | _time_round(programs[arm.spec], arm, steps, machine.seconds)
        | {"batch_size": arm.spec.data.batch_size, "device": device}
        for number in range(rounds + 1)
        for arm in arms
    ]
    return pd.DataFrame(rows[len(arms) :])


def _time_round(program: Program, arm: Arm, steps: int, now: Callable[[], float]) -> dict[str, float]:
    block = (make_run(arm, 0, ""),)
    hypers = jax.device_put(program.hypers(block), program.device)
    states = jax.block_until_ready(program.start(block))
    begin = now()
    for clock, count in pieces(steps, program.steps_per_epoch):
        states = program.advance(states, hypers, clock, count, 1)
    jax.block_until_ready(states)
    seconds = now() - begin
    done = int(np.asarray(states.train.step)[0])
    return {"steps": done, "seconds": seconds, "seconds_per_step": seconds / done}


def pieces(steps: int, per_epoch: int) -> Iterator[tuple[int, int]]:
    """(clock, count) of pieces that make `steps`: each begins an epoch and stops before its end, its evaluation."""
    for epoch, first in enumerate(range(0, steps, per_epoch - 1)):
        yield epoch * per_epoch, min(per_epoch - 1, steps - first)
