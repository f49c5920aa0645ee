"""Seconds of training alone, for claims about time: a study's runs share a clock and have none of their own (S-099)."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from experiments.lab.ledger import load_ledger
from experiments.lab.measured import Finished, Measurement
from jaxmlp import study
from jaxmlp.evidence import Measure, Reported, Value, final
from jaxmlp.schema import Column, Table, declare

TIMES = declare(
    Table(
        "times",
        keys=("arm", "round"),
        columns=(
            Column("seconds_per_epoch", unit="s", higher_is_better=False),
            Column("seconds_per_run", unit="s", higher_is_better=False),
            Column("log_seconds_per_epoch", higher_is_better=False),
        ),
        pair="round",
    )
)
"""One row per arm and round of timing, from 1; rounds are shared by all arms."""

_STEPS = 540
"""Steps of a round. Each round draws an order of the data, as an epoch does: D4's epochs have 270 to 5,400 steps, and
in a tenth of this number drawing would be a part of what is timed."""
REPEATS = 9
"""Of a round. A tenth of a second's work is easily caught by a neighbour on the machine for as long again; the least of
several, spread over all arms' turns, is the work's own time."""
SECONDS: Measure = final("seconds_per_epoch")
RUN_SECONDS: Measure = final("seconds_per_run")
"""Of all epochs."""
LOG_SECONDS: Measure = final("log_seconds_per_epoch")
"""Natural logarithm: a difference of two is the logarithm of their ratio."""


def seconds_of(arm: str, measure: Measure = SECONDS) -> Value:
    """Seconds that an epoch of the arm's updates takes, trained alone and without any evaluation."""
    return Value(arm, measure, TIMES.name)


def reported_seconds(ledger_id: str, arms: Mapping[str, str]) -> tuple[Reported, ...]:
    """The seconds that a ledger row prints for whole runs, for our arms timed alone; `arms` as in `reported_by`."""
    return tuple(
        Reported(ledger_id, arms[value.arm], RUN_SECONDS, value.value, value.tag, table=TIMES.name)
        for value in load_ledger().experiments[ledger_id].values
        if value.metric == "seconds" and value.arm in arms
    )


def times_of(*arms: str, time: Callable[..., pd.DataFrame] = study.time_arms) -> Measurement:
    """Time these arms' updates after the study, as often as the arm with the most seeds has seeds.

    Arms are timed in turn, so that they can be compared round by round, as runs are seed by seed; a round's time is the
    least of `REPEATS` turns.

    Args:
        arms: their names.
        time: what times arms, as `study.time_arms` does.
    """

    def make(finished: Finished) -> dict[str, pd.DataFrame]:
        timed = [arm for arm in finished.arms if arm.name in arms]
        if not timed:
            return {TIMES.name: pd.DataFrame(columns=list(TIMES.required))}
        rounds = max(finished.seeds[arm.name] for arm in timed)
        turns = time(timed, finished.dataset, steps=_STEPS, rounds=rounds * REPEATS)
        round_of_turn = (turns["round"] - 1) // REPEATS + 1
        times = turns.groupby([round_of_turn, "arm"], sort=False).agg({"seconds_per_step": "min"}).reset_index()
        count = finished.dataset.train_inputs.shape[0]
        steps = {arm.name: arm.spec.data.steps_per_epoch(count) for arm in timed}
        epochs = {arm.name: arm.spec.epochs for arm in timed}
        seconds = times["seconds_per_step"] * [steps[arm] for arm in times["arm"]]
        numbers = {
            "round": finished.first_seed + times["round"],
            "seconds_per_epoch": seconds,
            "seconds_per_run": seconds * [epochs[arm] for arm in times["arm"]],
            "log_seconds_per_epoch": np.log(seconds),
        }
        return {TIMES.name: times[["arm", "round"]].assign(**numbers)}

    return Measurement({TIMES.name: arms}, make)
