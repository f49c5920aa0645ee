"""Seconds of training alone, for claims about time: a study's runs share a clock and have none of their own (S-099)."""

import numpy as np
import pandas as pd

from experiments.measured import Finished, Measurement
from jaxmlp import study
from jaxmlp.evidence import Measure, Value, final

STEPS = 540
"""Steps of a round. Each round draws an order of the data, as an epoch does: D4's epochs have 270 to 5,400 steps, and
in a tenth of this number drawing would be a part of what is timed."""
REPEATS = 9
"""Of a round. A tenth of a second's work is easily caught by a neighbour on the machine for as long again; the least of
several, spread over all arms' turns, is the work's own time."""
SECONDS: Measure = final("seconds_per_epoch")
LOG_SECONDS: Measure = final("log_seconds_per_epoch")
"""Natural logarithm: a difference of two is the logarithm of their ratio."""


def seconds_of(arm: str, measure: Measure = SECONDS) -> Value:
    """Seconds that an epoch of the arm's updates takes, trained alone and without any evaluation."""
    return Value(f"{arm} alone", measure)


def times_of(*arms: str) -> Measurement:
    """Time these arms' updates after the study, as often as the arm with the most seeds has seeds.

    Arms are timed in turn, so that they can be compared round by round, as runs are seed by seed; a round's time is the
    least of `REPEATS` turns.
    """

    def make(finished: Finished) -> pd.DataFrame:
        timed = [arm for arm in finished.arms if arm.name in arms]
        if not timed:
            return pd.DataFrame({"arm": [], "seed": [], "epoch": []})
        rounds = max(finished.seeds[arm.name] for arm in timed)
        turns = study.time_arms(timed, finished.dataset, steps=STEPS, rounds=rounds * REPEATS)
        round_of_turn = (turns["round"] - 1) // REPEATS + 1
        times = turns.groupby([round_of_turn, "arm"], sort=False).agg({"seconds_per_step": "min"}).reset_index()
        count = finished.dataset.train_images.shape[0]
        steps = {arm.name: arm.spec.data.steps_per_epoch(count) for arm in timed}
        seconds = times["seconds_per_step"] * [steps[arm] for arm in times["arm"]]
        return pd.DataFrame(
            {
                "arm": [f"{arm} alone" for arm in times["arm"]],
                "seed": times["round"],
                "epoch": 0,
                "seconds_per_epoch": seconds,
                "log_seconds_per_epoch": np.log(seconds),
            }
        )

    return Measurement(tuple(f"{arm} alone" for arm in arms), make)
