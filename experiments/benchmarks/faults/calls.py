"""Python calls with values of any type where the documentation promises an `InputError`."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks.faults.trying import Fuzzer, Numbers, Try, one_of
from jaxmlp import data, nn, study, training

VALUES: tuple[Callable[[], Any], ...] = (
    *(
        lambda value=value: value
        for value in (None, True, -1, 0, 1, 2, 3.5, 10**30, 1j, math.nan, math.inf, -0.0, 1e39)
    ),
    *(lambda value=value: value for value in ("", "x", "relu", "none", "a\nb", 300 * "n", b"x", "9", "hyper.momentum")),
    *(lambda value=value: value for value in ((), (1, 2), range(3), frozenset({1}), object(), int, Path("nowhere"))),
    *(list, dict, lambda: [1], lambda: {"a": 1}, lambda: {"hyper.momentum": [0.1, "x"]}, lambda: [[]], lambda: [None]),
    *(lambda: np.zeros(3), lambda: np.zeros((2, 2)), lambda: np.float32(1), lambda: np.int64(3), lambda: np.array("x")),
    *(lambda: np.array([None, 1]), lambda: lambda x: x, lambda: iter(()), lambda: np.full((4, 3), np.nan)),
)
"""Makers, since some can be used up."""
SPEC = training.RunSpec(nn.MLPSpec((64, 5, 10)), epochs=1)
FUZZ_DIGITS = data.load("digits")
RIGHT = {"x": np.linspace(0, 1, 60, dtype=np.float32).reshape(20, 3), "y": np.arange(20) % 2}


class Call(NamedTuple):
    """A function, and arguments with which it is right; a try replaces some of them."""

    function: Callable[..., Any]
    right: dict[str, Any]
    more: tuple[str, ...] = ()
    """Further arguments, which it does without."""


def _checked_hyper(**numbers: Any) -> None:
    training.check_hyper(training.Hyper(**numbers))


def _study(**arguments: Any) -> Any:
    """Arguments of `study.run`, which ends before it trains: no machine has so many lanes."""
    given: dict[str, Any] = {"lanes": 2**31 - 1} | arguments
    return study.run(**given)


def _results() -> study.Results:
    arms = [study.Arm("a", SPEC), study.Arm("b", SPEC, training.Hyper(learning_rate=0.1))]
    history = {name: np.full((2, 2), 0.5) for name in training.METRICS}
    measured = {name: np.ones((2, 2), bool) for name in training.METRICS}
    from jaxmlp.study.arms import describe_arm, make_run, varying_settings
    from jaxmlp.study.finished import block_rows
    from jaxmlp.study.results import assemble

    rows = block_rows("e", [make_run(arm, 0, "") for arm in arms], history, measured)
    settings = varying_settings({arm.name: describe_arm(arm) for arm in arms})
    return study.Results({"epochs": assemble(rows, settings)}, {})


CALLS = (
    Call(nn.MLPSpec, {"widths": (4, 3, 2)}, tuple(nn.MLPSpec.__dataclass_fields__)),
    Call(training.DataSpec, {}, tuple(training.DataSpec.__dataclass_fields__)),
    Call(training.LossSpec, {}, tuple(training.LossSpec.__dataclass_fields__)),
    Call(training.OptimizerSpec, {}, tuple(training.OptimizerSpec.__dataclass_fields__)),
    Call(training.ScheduleSpec, {}, tuple(training.ScheduleSpec.__dataclass_fields__)),
    Call(training.EvalSpec, {}, tuple(training.EvalSpec.__dataclass_fields__)),
    Call(training.RunSpec, {"mlp": nn.MLPSpec((4, 3, 2))}, tuple(training.RunSpec.__dataclass_fields__)),
    Call(_checked_hyper, {}, tuple(training.Hyper.__dataclass_fields__)),
    Call(study.Arm, {"name": "a", "spec": SPEC}, ("hyper",)),
    Call(
        _study,
        {"arms": [study.Arm("a", SPEC)], "dataset": FUZZ_DIGITS, "seeds": 1},
        ("name", "out", "resume", "lanes", "strategy", "checkpoint_minutes", "keep_params", "log_dir", "probes"),
    ),
    Call(study.grid, {"spec": SPEC, "hyper": training.Hyper(), "axes": {"hyper.momentum": [0.1, 0.2]}}),
    Call(data.load, {"name": "digits"}, ("data_dir", "target", "drop", "test", "task", "classes", "holdout", "groups")),
    Call(
        data.from_arrays,
        {"inputs": RIGHT["x"], "targets": RIGHT["y"]},
        ("test", "task", "classes", "holdout", "groups", "text", "name"),
    ),
    Call(training.load_net, {"path": "nowhere"}),
    Call(lambda **given: _results().select(**given), {"arm": "a"}, ("seed", "epoch", "nothing")),
    Call(
        lambda **given: _results().pivot(**given), {"metric": "val_loss", "rows": "arm", "columns": "seed"}, ("epoch",)
    ),
    Call(lambda **given: _results().curves(**given), {"metric": "val_loss"}),
    Call(lambda **given: _results().best(**given), {"metric": "val_loss"}, ("arm",)),
    Call(
        lambda **given: _results().paired_differences(**given),
        {"metric": "val_loss", "arm_a": "a", "arm_b": "b"},
        ("epoch",),
    ),
)
"""What a user calls first."""


def draw_call(numbers: Numbers, _: Any) -> Try:
    """A call with one or two arguments replaced."""
    call = one_of(numbers, CALLS)
    names = [*call.right, *call.more]
    chosen = {one_of(numbers, names): one_of(numbers, VALUES) for _ in range(int(numbers.integers(1, 3)))}
    given = {name: make() for name, make in chosen.items()}
    told = ", ".join(f"{name}={value!r}"[:60] for name, value in given.items())
    name = getattr(call.function, "__name__", "")
    return Try(f"{name}({', '.join(call.right)}; {told})", lambda: call.function(**call.right | given))


CALLS_FUZZER = Fuzzer("Python calls", lambda folder: None, draw_call)
