"""Is ReLU better than GELU, and GELU than the sigmoid, or is that a matter of the rate? (E-024)

    python -m experiments run activations --dataset mnist --data-dir DIR --preset full

D2's net with one hidden layer, the Euclidean loss, and its three activations at one rate and each at its best rate.
D2's GELU has a difference quotient for a derivative; here it is the true one (A-19), and `GeluFD` is D2's. Updates of
all four are timed alone.
"""

import math
from dataclasses import replace
from typing import Literal

from experiments.lab.base import FRESH, Experiment
from experiments.lab.documents.d2 import (
    CELL_NAMES,
    CELLS,
    D2_ACTIVATIONS,
    FULL,
    QUICK,
    arms_of,
    d2_reported,
    d2_tested,
    names_of,
    tuning,
)
from experiments.lab.timed import LOG_SECONDS, reported_seconds, seconds_of, times_of
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun, Value
from jaxmlp.evidence.words import LN_SECONDS

BASIC = {activation: CELLS[1, activation, "euclidean"] for activation in D2_ACTIVATIONS}
FINITE_DIFFERENCE = replace(BASIC["gelu_tanh"], activation="gelu_finite_difference")
# GELU(z) is about z/2 near 0, where weights of scale 0.01 put it: this is its rate where a half is a confound (C-207).
DOUBLED = replace(BASIC["gelu_tanh"], rate=0.02)
_CANDIDATES = {f"{activation}_best_rate": tuning(setting) for activation, setting in BASIC.items()}
_SETTINGS = (
    *BASIC.values(),
    FINITE_DIFFERENCE,
    DOUBLED,
    *(setting for candidates in _CANDIDATES.values() for setting in candidates),
)


def _order(
    relu: str,
    gelu: str,
    sigmoid: str,
    scope: Literal["primary", "beyond"] = "primary",
    level: str | None = None,
) -> tuple[Difference, ...]:
    """D2's figure: 0.951, 0.938, 0.890. "Slightly": more at all; "far": two points more."""
    return (
        Difference(d2_tested(relu), d2_tested(gelu), margin=0.0, level=level, scope=scope, expected=0.013),
        Difference(d2_tested(gelu), d2_tested(sigmoid), margin=0.02, level=level, scope=scope, expected=0.048),
    )


FD, SIGMOID, RELU, TRUE = (
    seconds_of(one.name, LOG_SECONDS)
    for one in (FINITE_DIFFERENCE, BASIC["sigmoid"], BASIC["relu"], BASIC["gelu_tanh"])
)
PRINTED = {"relu": 22, "sigmoid": 29, "gelu": 47}
"""D2's seconds, of a machine that it does not name: their ratios alone say something of ours."""


def _slower(slow: Value, fast: Value, seconds: float, than: float) -> Difference:
    """By more than half of D2's ratio, in logarithms."""
    ratio = math.log(seconds / than)
    return Difference(slow, fast, margin=0.5 * ratio, unit=LN_SECONDS, expected=ratio)


_CLAIMS = (
    Claim(
        "C-207",
        (
            *_order(BASIC["relu"].name, BASIC["gelu_tanh"].name, BASIC["sigmoid"].name),
            *_order("relu_best_rate", "gelu_tanh_best_rate", "sigmoid_best_rate", "beyond", "each at its best rate"),
        ),
        planned_n=8,
        first_seed=FRESH,
        margin_reason="Slightly is more at all; far is two points, not half of the 4.8 that D2's figure shows.",
    ),
    # D2's GELU, with its difference quotient, is the slowest; the reason is one if the true derivative is faster.
    Claim(
        "C-208",
        (
            _slower(FD, SIGMOID, PRINTED["gelu"], PRINTED["sigmoid"]),
            _slower(SIGMOID, RELU, PRINTED["sigmoid"], PRINTED["relu"]),
        ),
        planned_n=6,
        first_seed=FRESH,
        margin_reason="Half of the ratios of D2's seconds, in logarithms: the seconds are another machine's.",
        reason=_slower(FD, TRUE, PRINTED["gelu"], PRINTED["sigmoid"]),
        cause_found="the activation itself: its true derivative takes as long as the difference quotient",
    ),
)

# D2's GELU is timed as it was, with its difference quotient.
_REPORTED = (
    *d2_reported("E-024", CELL_NAMES),
    *reported_seconds("E-024", CELL_NAMES | {"1_gelu_euclidean": FINITE_DIFFERENCE.name}),
)
_SHOWN = names_of([*BASIC.values(), FINITE_DIFFERENCE, DOUBLED])

ACTIVATIONS_EXPERIMENT = Experiment(
    name="activations",
    question="Is ReLU better than GELU, and GELU than the sigmoid, or is that a matter of the rate?",
    ledger=("E-024",),
    presets={"quick": QUICK, "full": FULL},
    arms=lambda dataset, preset: arms_of(_SETTINGS, dataset, preset),
    claims=_CLAIMS,
    figures=(
        CompareArms(_SHOWN, "test_accuracy"),
        CompareArms(_SHOWN, "test_loss"),
        EveryRun("test_accuracy", (*_SHOWN, *_CANDIDATES), reported=_REPORTED, document="D2"),
    ),
    reported=_REPORTED,
    measured=times_of(*names_of([*BASIC.values(), FINITE_DIFFERENCE])),
    tuned={name: names_of(candidates) for name, candidates in _CANDIDATES.items()},
)
