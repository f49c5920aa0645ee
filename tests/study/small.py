"""Small studies that several tests run, and what they compare of them."""

import numpy as np

from jaxmlp import study
from jaxmlp.nn import MLPSpec
from jaxmlp.study.plan import Machine
from jaxmlp.study.program import Program
from jaxmlp.training import METRICS, DataSpec, EvalSpec, RunSpec

WIDTHS = (64, 12, 10)


def make_spec(norm="none", **kwargs):
    return RunSpec(
        MLPSpec(WIDTHS, norm=norm),
        data=DataSpec(batch_size=32, train_size=200),
        **({"epochs": 3, "evaluation": EvalSpec(batch_size=128)} | kwargs),
    )


class Silent:
    """A display that keeps what it was told."""

    def __init__(self):
        self.lines, self.states = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def say(self, message):
        self.lines.append(message)

    def show(self, status):
        self.states.append(status)


class OneStepChunks(Program):
    """A program whose chunks are single steps."""

    chunk_seconds = 1e-9


STEP_BY_STEP = Machine(program=OneStepChunks)


def run(arms, digits, **kwargs):
    return study.run(arms, digits, **({"seeds": 3, "lanes": 4, "display": Silent()} | kwargs))


def numbers(rows, arm, seeds):
    """[S, E + 1] of every metric of one arm, NaN kept."""
    chosen = rows[(rows["arm"] == arm) & rows["seed"].isin(seeds)]
    return {m: chosen.pivot(index="seed", columns="epoch", values=m).to_numpy(float) for m in METRICS}


def assert_same_bits(a, b):
    for metric in METRICS:
        np.testing.assert_array_equal(a[metric], b[metric], err_msg=metric)
