"""`time_arms`: each arm alone, in turn, exactly the steps it says and nothing else."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.study.plan import Machine
from jaxmlp.study.program import Program
from jaxmlp.training import METRICS, DataSpec, EvalSpec, Hyper, RunSpec


def make_arm(name, batch_size, rate=1e-3):
    """Epochs of 120 // batch_size steps."""
    spec = RunSpec(
        MLPSpec((64, 6, 10)),
        data=DataSpec(batch_size=batch_size, train_size=120),
        evaluation=EvalSpec(batch_size=128),
        epochs=2,
    )
    return study.Arm(name, spec, Hyper(learning_rate=rate))


ARMS = [make_arm("a", 20), make_arm("b", 40), make_arm("c", 20, rate=0.1)]


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


class Watched(Program):
    """A program that notes every training call of `advance` on its machine; the clock ticks once a step.

    A call of no steps measures epoch 0, before the time is taken.
    """

    def __init__(self, machine, *arguments):
        super().__init__(*arguments)
        self.machine = machine
        machine.compiled.append(self.layout)

    def advance(self, states, hypers, clock, count, repeats):
        states = super().advance(states, hypers, clock, count, repeats)
        self.machine.ticks += count * repeats
        copy = jax.device_get((states.train.step, states.measured))
        if count:
            rate = float(hypers.learning_rate[0])
            self.machine.pieces.append((self.spec.data.batch_size, rate, clock, count, repeats, copy))
        return states


class WatchedMachine:
    """`time_arms` on a machine whose programs are watched; `pieces` are (batch size, rate, clock, count, repeats,
    state after)."""

    def __init__(self):
        self.pieces, self.compiled, self.ticks = [], [], 0.0
        self.machine = Machine(program=partial(Watched, self), seconds=lambda: self.ticks)

    def time(self, arms, digits, **how):
        return study.time_arms(arms, digits, machine=self.machine, **how)


@pytest.fixture
def watched():
    return WatchedMachine()


@pytest.mark.parametrize("steps", [1, 5, 13])
def test_rounds_go_over_the_arms_and_do_the_steps_they_say(digits, watched, steps):
    table = watched.time(ARMS, digits, steps=steps, rounds=2)
    assert list(table.columns) == [
        "arm", "round", "steps", "seconds", "seconds_per_step", "batch_size", "device",
    ]  # fmt: skip
    assert list(zip(table["round"], table["arm"], strict=True)) == [(r, a) for r in (1, 2) for a in "abc"]
    assert list(table["batch_size"]) == [20, 40, 20] * 2
    assert set(table["steps"]) == {steps}
    np.testing.assert_array_equal(table["seconds"], np.full(6, float(steps)))  # nothing but these steps was timed
    np.testing.assert_array_equal(table["seconds_per_step"], np.ones(6))
    # What was really executed: by the run's own counter, the warm-up included, each arm alone and in turn.
    done, order = [], []
    for batch_size, rate, _, count, _, (step, _) in watched.pieces:
        assert step.shape == (1,)
        if step[0] == count:  # a new run
            order.append((batch_size, round(rate, 4)))
            done.append(0)
        done[-1] = int(step[0])
    assert order == [(20, 0.001), (40, 0.001), (20, 0.1)] * 3
    assert done == [steps] * 9


def test_no_epoch_is_ended_and_nothing_evaluated(digits, watched):
    watched.time(ARMS[:2], digits, steps=13, rounds=1)
    for batch_size, _, clock, count, repeats, (_, measured) in watched.pieces:
        per_epoch = 120 // batch_size
        assert repeats == 1
        assert clock % per_epoch + count < per_epoch
        for metric in METRICS:
            assert not measured[metric][0, 1:].any(), metric


def test_arms_of_one_spec_share_a_program(digits, watched):
    watched.time(ARMS, digits, steps=1, rounds=1)
    assert [layout.lanes for layout in watched.compiled] == [1, 1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps is 0: give a positive integer"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"rounds": 0}, "rounds is 0: give a positive integer"),
        ({"arms": []}, "no arms: give at least one"),
        ({"arms": [ARMS[0], ARMS[0]]}, "two arms are called 'a'"),
        ({"arms": [make_arm("whole", 120)]}, "arm 'whole' trains one step an epoch, .* give a smaller batch size"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_compiled(digits, watched, wrong, message):
    given = {"arms": ARMS, "steps": 3, "rounds": 2} | wrong
    with pytest.raises(InputError, match=message) as caught:
        watched.time(given.pop("arms"), digits, **given)
    assert "\n" not in str(caught.value)
    assert watched.compiled == []
