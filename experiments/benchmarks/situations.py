"""Situations for `python -m experiments benchmark diagnosis`: nets with a planted fault, healthy ones, and data without
anything to learn, rebuilt from facts.

What is planted is known, so that the truth of a row needs no search: the things whose alteration takes the fault out.
A situation says its fault as `diagnosis.Change.touches` says what a change alters. Nets that others asked about in
public have no such truth here; they come with an exhaustive search.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from experiments.benchmarks import situation_data as drawn
from jaxmlp import data
from jaxmlp.data import Dataset
from jaxmlp.diagnosis import Setting
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, RunSpec

PLANTED, SOUND, NOTHING = "planted", "healthy", "nothing to learn"
HALVES_FILE = Path(__file__).with_name("diagnosis_halves.json")
HALVES = ("tuning", "reported")
"""Thresholds may be set by what happens on the first; figures are told of the second."""


@dataclass(frozen=True)
class Situation:
    """A net, its data, and what is wrong with it."""

    column: str
    """`planted`, `healthy` or `nothing to learn`."""
    load: Callable[[], Dataset]
    setting: Setting
    faults: frozenset[frozenset[str]] = frozenset()
    """Sets of things whose alteration takes the fault out, each by itself; the planted ones first of all."""


def _setting(
    widths: tuple[int, ...],
    preprocessing: str,
    epochs: int,
    batch: int = 32,
    *,
    numbers: bool = False,
    rate: float = 1e-3,
) -> Setting:
    """Adam, He's start, ReLU, and the loss that fits."""
    loss = LossSpec("squared_error" if numbers else "cross_entropy")
    spec = RunSpec(MLPSpec(widths), DataSpec(preprocessing=preprocessing, batch_size=batch), loss, epochs=epochs)
    return Setting(spec, Hyper(learning_rate=rate))


_DIGITS = _setting((64, 30, 10), "unit", 20)
_DEEP = _setting((64, 30, 30, 30, 30, 10), "unit", 20)
_TABLE = _setting((10, 64, 64, 1), "z_score", 100, numbers=True, rate=1e-2)
_BLOBS = _setting((2, 16, 3), "none", 30, 16, rate=1e-2)
_TOPIC_WORDS = _setting((1000, 64, 20), "none", 6)
_IRIS = _setting((4, 16, 3), "z_score", 80, 16, rate=1e-2)
_PLANE = _setting((2, 16, 1), "none", 40, numbers=True, rate=1e-2)
_PARABOLA = _setting((1, 50, 30, 1), "none", 300, numbers=True, rate=1e-3)
LOADED = {name: partial(data.load, name) for name in ("digits", "diabetes", "iris", "wine", "toy_circle", "toy_gauss")}

_RATE, _START, _OUTPUT, _LOSS = "learning rate", "start", "output", "loss"
_OPTIMIZER, _ACTIVATION, _NORM, _DEPTH = "optimizer", "activation", "normalization", "depth"
_INPUTS, _TARGETS, _WIDTH, _EPOCHS = "scale of the inputs", "scale of the targets", "width", "number of epochs"


def _sgd(setting: Setting, rate: float) -> Setting:
    return setting.with_part("optimizer", name="sgd").with_numbers(learning_rate=rate)


def _planted(load: Callable[[], Dataset], setting: Setting, *faults: str) -> Situation:
    """Each of the things takes the fault out by itself; the first one is what was planted."""
    return Situation(PLANTED, load, setting, frozenset(frozenset({fault}) for fault in faults))


def _healthy(load: Callable[[], Dataset], setting: Setting) -> Situation:
    return Situation(SOUND, load, setting)


def _nothing(load: Callable[[], Dataset], setting: Setting) -> Situation:
    return Situation(NOTHING, load, setting)


# An optimizer comes with its usual rate, and more epochs make up for a rate that is a little small.
_PLANTED: dict[str, Situation] = {
    "T1": _planted(LOADED["diabetes"], _sgd(_TABLE, 10.0), _RATE, _OPTIMIZER),
    "T2": _planted(LOADED["diabetes"], _TABLE.with_numbers(learning_rate=1e-5), _RATE, _TARGETS),
    "T6": _planted(drawn.signed_plane, _PLANE.with_part("mlp", output="softmax"), _OUTPUT),
    "R2": _planted(drawn.bag_of_words, _TOPIC_WORDS.with_part("mlp", output="tanh"), _OUTPUT),
    "R5": _planted(drawn.bag_of_words, _sgd(_TOPIC_WORDS, 1e-3), _OPTIMIZER, _RATE),
    "digits, SGD at 1e-4": _planted(LOADED["digits"], _sgd(_DIGITS, 1e-4), _RATE, _OPTIMIZER),
    "digits, Adam at 3": _planted(LOADED["digits"], _DIGITS.with_numbers(learning_rate=3.0), _RATE, _OPTIMIZER),
    "digits, zeros": _planted(LOADED["digits"], _DIGITS.with_part("mlp", initializer="zeros"), _START),
    "digits, N(0, 1)": _planted(
        LOADED["digits"], _sgd(_DEEP, 1e-2).with_part("mlp", initializer="randn"), _START, _NORM
    ),
    "Q1": _planted(LOADED["digits"], _sgd(_DEEP, 1e-2).with_part("mlp", activation="sigmoid"), _ACTIVATION, _NORM),
    "Q16": _planted(LOADED["digits"], _DIGITS.with_part("mlp", widths=(64, 2, 10)), _WIDTH),
    "SO 48251943": _planted(drawn.signed_plane, _PLANE.with_part("mlp", output="relu"), _OUTPUT),
    "SO 48934338": _planted(drawn.parabola, _sgd(_PARABOLA, 0.1), _RATE, _OPTIMIZER, _INPUTS),
    "blobs of size 1000": _planted(
        partial(drawn.situation_blobs, size=1000.0),
        _sgd(_BLOBS, 0.1).with_part("mlp", activation="tanh"),
        _INPUTS,
        _RATE,
    ),
    "blobs, one epoch": _planted(
        drawn.situation_blobs, _BLOBS.with_spec(epochs=1).with_numbers(learning_rate=3e-4), _EPOCHS, _RATE
    ),
}
_HEALTHY: dict[str, Situation] = {
    "digits": _healthy(LOADED["digits"], _DIGITS),
    "digits, batch 7": _healthy(LOADED["digits"], _DIGITS.with_part("data", batch_size=7)),
    "digits, tanh": _healthy(LOADED["digits"], _DIGITS.with_part("mlp", activation="tanh")),
    "digits, batch norm": _healthy(LOADED["digits"], _DEEP.with_part("mlp", norm="batch_norm")),
    "iris": _healthy(LOADED["iris"], _IRIS),
    "wine": _healthy(LOADED["wine"], _setting((13, 16, 3), "z_score", 60, 16, rate=1e-2)),
    "diabetes": _healthy(LOADED["diabetes"], _TABLE),
    "blobs": _healthy(drawn.situation_blobs, _BLOBS),
    "blobs, SGD": _healthy(drawn.situation_blobs, _sgd(_BLOBS, 0.1)),
    "uneven blobs": _healthy(drawn.uneven_blobs, _setting((2, 16, 2), "none", 30, 16, rate=1e-2)),
    "toy_gauss": _healthy(LOADED["toy_gauss"], _setting((2, 8, 2), "none", 30, 16, rate=1e-2)),
    "toy_circle": _healthy(LOADED["toy_circle"], _setting((2, 16, 2), "none", 40, 16, rate=1e-2)),
    "plane": _healthy(drawn.signed_plane, _PLANE),
}
_NOTHING: dict[str, Situation] = {
    "SO 38648195": _nothing(drawn.random_labels, _sgd(_setting((20, 20, 20, 3), "none", 20, 20), 0.01)),
    "T7": _nothing(drawn.shuffled_diabetes, _TABLE),
    "absent column": _nothing(drawn.absent_column, _setting((5, 16, 2), "none", 30, rate=1e-2)),
}
SITUATIONS = _PLANTED | _HEALTHY | _NOTHING
"""By what the cases call them, or in words."""


def half(name: str) -> list[str]:
    """Names of the situations in one of `HALVES`, as the committed file has them."""
    return json.loads(HALVES_FILE.read_text(encoding="utf-8"))[name]
