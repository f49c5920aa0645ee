"""How large a study is, computed before anything is made of it: what no machine has room for is one line."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax

from jaxmlp.errors import MOST, InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.study.memory import available_bytes, budget_bytes

if TYPE_CHECKING:
    from jaxmlp.study.arms import Arm

RUN_BYTES = 1000
"""Of a run's name, setting and place in the plan, at least."""
ROW_BYTES = 50
"""Of a row of numbers, at least."""
WEIGHT_BYTES = 8
"""Of a weight, at least: its value and its gradient."""


def check_runs(count: int, epochs: int = 0) -> None:
    """Raise `InputError` where the rows of so many runs would not fit into the memory that is free.

    >>> check_runs(10, 20)
    """
    _check_bytes(
        count * (RUN_BYTES + ROW_BYTES * epochs), f"{count:,} runs" + (f" of {epochs:,} epochs" * (epochs > 0))
    )


def check_net(spec: MLPSpec, lanes: int = 1) -> None:
    """Raise `InputError` where the weights of a net, or of as many as train side by side, would not fit.

    Raises:
        InputError: they would not, or a layer has more than 2³¹ − 1 outputs.
    """
    outputs = [spec.fan_out(layer) for layer in range(spec.num_layers)]
    if max(outputs) > MOST:
        raise InputError(f"a layer of {float(max(outputs)):.3g} outputs: give widths below 2**31")
    weights = sum(inputs * each for inputs, each in zip(spec.widths, outputs, strict=False))
    of = f"a net of {weights:,} weights" if lanes == 1 else f"{lanes:,} lanes of {weights:,} weights"
    _check_bytes(WEIGHT_BYTES * weights * lanes, of)


def check_sizes(arms: Sequence["Arm"], counts: Mapping[str, int], num_examples: int, lanes: int | None) -> None:
    """Raise `InputError` where a study of these arms, with so many seeds by arm, is larger than can be counted or kept.

    Args:
        arms: that fit the data set.
        counts: of seeds, by the arm's name.
        num_examples: training images of the data set.
        lanes: asked for; None where they are planned.
    """
    check_runs(sum(counts.values()), max(arm.spec.epochs for arm in arms))
    for arm in arms:
        steps = arm.spec.epochs * arm.spec.data.steps_per_epoch(num_examples)
        if steps > MOST:
            raise InputError(
                f"arm {arm.name!r} has {float(steps):.3g} steps: give fewer epochs, at most 2**31 - 1 steps"
            )
        check_net(arm.spec.mlp, lanes or 1)


def _check_bytes(num_bytes: int, what: str) -> None:
    devices = [device for device in jax.local_devices() if device.platform != "cpu"]
    free = max([available_bytes(), *(budget_bytes(device) or 0 for device in devices)])
    if num_bytes > free:
        raise InputError(
            f"{what} need {float(num_bytes) / 1e9:.3g} GB or more, and {free / 1e9:.3g} GB of memory are free: "
            "give fewer or smaller ones"
        )
