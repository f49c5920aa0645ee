"""Why do 22 and 41 layers train badly, and what mends it? (E-004 to E-013)

    python -m experiments run depth --dataset mnist --data-dir DIR --preset full

D0's nets of 5, 22 and 41 layers: He's normal start, Adam, batch 64, the running variance of batch norm from 0, best
validation model tested. 5 and 22 layers, and 41 without a remedy, train 20 epochs, the arms that E-009 to E-012 add
30 (A-11); `lr` names a rate other than 1e-3. `bn_41` is E-007, its seeds are E-008's repetitions; `bn_41_30` is the
same for as long as what it is compared with. `sgd_lr1e-1` is ours: SGD that is fast enough to come where Adam fails
(C-018). `residual_41` is D0's net, `_identity` has a linear skip only where shapes differ (C-025). The w64 arms compare
20 and 56 layers as D1 quotes it, with He et al.'s order linear, batch norm, sum, ReLU (C-114).

The full preset is what two CPU cores do in hours. With six seeds 22 layers get a verdict on means, and with twelve on
shares of runs; with one seed 41 layers are described, not judged: `--seeds 12 --first-seed 1000`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import log
from typing import Literal

from experiments.lab.base import FRESH, SEED_NOISE, Experiment, Preset, reported_by, tested
from experiments.lab.documents.d0 import HIDDEN_20, HIDDEN_56, HIDDEN_WIDTHS
from jaxmlp.data import Dataset
from jaxmlp.evidence import (
    Claim,
    CompareArms,
    Difference,
    Equivalence,
    EveryRun,
    Measure,
    PeakCurves,
    Probability,
    TrainingCurves,
    Value,
    at_best,
    best,
    best_epoch,
    change,
    fall,
    final,
    gain_after_cuts,
    largest_drop,
    lowest,
    reached,
)
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, Hyper, OptimizerSpec, RunSpec, ScheduleSpec


@dataclass(frozen=True)
class DeepNet:
    """What arms differ in."""

    hidden: tuple[int, ...]
    norm: str = "none"
    residual: str = "none"
    norm_position: str = "post_activation"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    plateau: bool = False
    longer: bool = False
    """Half as many epochs more."""


_BN = DeepNet(HIDDEN_WIDTHS[41], norm="batch_norm", longer=True)


def _w64(hidden: tuple[int, ...], residual: str = "none") -> DeepNet:
    return DeepNet(hidden, norm="batch_norm", norm_position="pre_activation", residual=residual)


DEPTH_NETS: Mapping[str, DeepNet] = {
    "plain_5": DeepNet(HIDDEN_WIDTHS[5]),
    "plain_22": DeepNet(HIDDEN_WIDTHS[22]),  # E-004
    "plain_22_lr3e-4": DeepNet(HIDDEN_WIDTHS[22], learning_rate=3e-4),
    "plain_22_lr1e-4": DeepNet(HIDDEN_WIDTHS[22], learning_rate=1e-4),
    "bn_22": DeepNet(HIDDEN_WIDTHS[22], norm="batch_norm"),  # E-005
    "plain_41": DeepNet(HIDDEN_WIDTHS[41]),  # E-006
    "bn_41": DeepNet(HIDDEN_WIDTHS[41], norm="batch_norm"),  # E-007, E-008
    "bn_41_30": _BN,  # as long as those below, which are compared with it
    "bn_41_sgd": replace(_BN, optimizer="sgd"),  # E-009
    "bn_41_sgd_lr1e-1": replace(_BN, optimizer="sgd", learning_rate=1e-1),
    "bn_41_lr3e-4": replace(_BN, learning_rate=3e-4),  # E-010: the rates of S-072
    "bn_41_lr1e-4": replace(_BN, learning_rate=1e-4),
    "bn_41_lr3e-5": replace(_BN, learning_rate=3e-5),
    "bn_41_plateau": replace(_BN, plateau=True),  # E-011
    "residual_41": replace(_BN, residual="d0"),  # E-012
    "residual_41_identity": replace(_BN, residual="d0_identity"),
    "residual_41_plateau": replace(_BN, residual="d0", plateau=True),
    "w64_plain_20": _w64(HIDDEN_20),
    "w64_plain_56": _w64(HIDDEN_56),
    "w64_residual_20": _w64(HIDDEN_20, "block"),
    "w64_residual_56": _w64(HIDDEN_56, "block"),
}
DEPTH_ARMS = tuple(DEPTH_NETS)
D0_22, D0_41, W64 = (tuple(arm for arm in DEPTH_ARMS if mark in arm) for mark in ("_22", "_41", "w64"))
AS_D0 = ("plain_22", "bn_22", "plain_41", "bn_41", "bn_41_sgd", "bn_41_lr3e-4", "bn_41_plateau", "residual_41")


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """Every net of `DEPTH_NETS`."""

    def spec(net: DeepNet) -> RunSpec:
        kept = net.hidden if net.hidden == HIDDEN_WIDTHS[5] else net.hidden[:: preset.keep_every]
        most = preset.max_width or max(kept)
        widths = (dataset.train_inputs.shape[1], *(min(width, most) for width in kept), dataset.num_classes)
        return RunSpec(
            MLPSpec(widths, norm=net.norm, norm_position=net.norm_position, residual=net.residual),
            data=DataSpec("random_fifth", batch_size=preset.batch_size, train_size=preset.train_size),
            optimizer=OptimizerSpec(net.optimizer),
            # One program serves arms with and without plateau: a cut by 1 is none.
            schedule=ScheduleSpec(plateau=net.longer),
            epochs=preset.epochs + preset.epochs // 2 * net.longer,
        )

    def hyper(net: DeepNet) -> Hyper:
        factor = 0.1 if net.plateau else 1.0
        return Hyper(
            learning_rate=net.learning_rate, running_var_start=0.0, plateau_factor=factor, plateau_patience=3.0
        )

    return [Arm(name, spec(net), hyper(net)) for name, net in DEPTH_NETS.items()]


_VAL = "val_accuracy"
# D0 calls a fluctuation of 3 points normal (E-012): what falls by more oscillates, what ends 5 below its best has
# degraded. Seeds of a net that trains differ by 0.1 to 0.15 points: 0.3 is what two of them could not show.
NORMAL, DEGRADED, CLEARLY = 0.03, 0.05, 0.003


def _most(
    arm: str,
    measure: Measure,
    side: Literal["above", "below"],
    threshold: float,
    *,
    unit: str = "accuracy",
    level: str | None = None,
    scope: Literal["primary", "beyond"] = "primary",
) -> Probability:
    """In most runs of the arm."""
    return Probability(Value(arm, measure), side, threshold, bound=0.5, unit=unit, level=level, scope=scope)


def _later(arm: str, other: str, measure: Measure, *, level: str | None = None) -> Difference:
    """The arm gets there in a later epoch than the other; two epochs are what its curve would show."""
    a, b = Value(arm, measure), Value(other, measure)
    return Difference(a, b, margin=0.0, unit="epochs", level=level, expected=2.0)


def _steady(
    arm: str, level: str | None = None, scope: Literal["primary", "beyond"] = "primary"
) -> tuple[Probability | Difference, ...]:
    """It learns, does not degrade, and falls less than `bn_41_30` does."""
    falls = Value("bn_41_30", fall(_VAL)), Value(arm, fall(_VAL))
    return (
        _most(arm, final(_VAL), "above", 0.5, level=level, scope=scope),
        _most(arm, fall(_VAL), "below", DEGRADED, level=level, scope=scope),
        Difference(*falls, margin=DEGRADED, level=level, scope=scope),
    )


def _trains(arm: str) -> tuple[Probability | Difference, ...]:
    """It ends above 90 % (D0's plateau run stood at 92 %), and 10 points above the net without a remedy."""
    return (
        _most(arm, final(_VAL), "above", 0.9),
        Difference(Value(arm, final(_VAL)), Value("bn_41_30", final(_VAL)), margin=0.10),
    )


REACHED = reached(_VAL, 0.95)
DROP_22, DROP_BN_22 = (Value(arm, largest_drop(_VAL)) for arm in ("plain_22", "bn_22"))
# 41 layers: one run an arm was seen before these rules were declared anew.
_DEEP = partial(Claim, planned_n=12, required_n=6, first_seed=FRESH)
AS_D0_SAYS = (
    "D0 calls a fluctuation of 3 points normal; what ends 5 below its best has degraded, and half and 90 % stand far "
    "from both a guess and a trained net."
)
DEPTH_CLAIMS = (
    # How far the accuracy falls is what it is about: up to 10 points, of which 3 are what D0 calls normal.
    Claim(
        "C-008",
        (
            Equivalence(tested("plain_22"), 0.9740, margin=0.005),
            Difference(DROP_22, NORMAL, margin=0.0, expected=0.10 - NORMAL),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="One run may stand half a point from the mean of such nets, as D0's own last five epochs do.",
    ),
    # From 10 points to about 1, and the accuracy stays.
    Claim(
        "C-010",
        (
            Difference(DROP_22, DROP_BN_22, margin=0.01, expected=0.09),
            Equivalence(DROP_BN_22, 0.01, margin=0.01),
            Equivalence(tested("bn_22"), tested("plain_22"), margin=0.005),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="A point is what D0 says is left; half a point is how far its last five epochs stand apart.",
    ),
    # D0 names no rate: at either one.
    Claim(
        "C-011",
        tuple(
            part
            for rate in ("3e-4", "1e-4")
            for part in (
                Difference(
                    Value("plain_22", largest_drop(_VAL)),
                    Value(f"plain_22_lr{rate}", largest_drop(_VAL)),
                    margin=0.01,
                    level=rate,
                    expected=0.09,
                ),
                _later(f"plain_22_lr{rate}", "plain_22", REACHED, level=rate),
            )
        ),
        planned_n=12,
        first_seed=FRESH,
        factor="learning rate",
        margin_reason="A point is what batch norm leaves of the oscillation, in D0's words.",
    ),
    # Guessing gives 10 to 11 % and a loss of ln 10.
    _DEEP(
        "C-014",
        (
            _most("plain_41", best(_VAL), "below", 0.2),
            _most("plain_41", lowest("train_loss"), "above", log(10) - 0.1, unit="nats"),
        ),
        margin_reason="Guessing gives 10 to 11.35 % and a loss of ln 10: twice the one, a tenth below the other.",
    ),
    # It converges, turns around epoch 7 and ends below its epoch 1. That the network degrades, and not only its
    # evaluation with running statistics, is read off the training loss, which has each batch's own: it rises too.
    _DEEP(
        "C-016",
        (
            _most("bn_41", best(_VAL), "above", 0.5),
            _most("bn_41", change(_VAL, since=1), "below", 0.0),
            Difference(
                Value("bn_41", final("train_loss")),
                Value("bn_41", at_best("train_loss", of=_VAL)),
                0.1,
                unit="nats",
                scope="beyond",
                level="the training loss rises too",
            ),
            Equivalence(
                Value("bn_41", best_epoch(_VAL)), 7.0, margin=3.0, unit="epochs", scope="beside", level="around epoch 7"
            ),
        ),
        margin_reason=AS_D0_SAYS,
    ),
    # At 1e-3 SGD may only be too slow to fail; at 0.1, which is ours, it must have come to the training loss at which
    # Adam turns.
    _DEEP(
        "C-018",
        (
            *_steady("bn_41_sgd"),
            *_steady("bn_41_sgd_lr1e-1", "SGD at 0.1", "beyond"),
            Difference(
                Value("bn_41_30", at_best("train_loss", of=_VAL)),
                Value("bn_41_sgd_lr1e-1", lowest("train_loss")),
                margin=0.0,
                unit="nats",
                scope="beyond",
                level="SGD at 0.1",
            ),
        ),
        margin_reason=AS_D0_SAYS,
    ),
    # It degrades all the same, from a later epoch on. At a tenth of the rate, or less, a delay in proportion would lie
    # beyond the last epoch: those arms are shown and not judged.
    _DEEP(
        "C-020",
        (
            _most("bn_41_lr3e-4", fall(_VAL), "above", DEGRADED),
            _later("bn_41_lr3e-4", "bn_41_30", best_epoch(_VAL)),
        ),
        margin_reason=AS_D0_SAYS,
    ),
    # Rescued, and after each of the two cuts that D0 saw, before the next one, better than ever before.
    _DEEP(
        "C-021",
        (*_trains("bn_41_plateau")[1:], _most("bn_41_plateau", gain_after_cuts(_VAL, first=2), "above", 0.0)),
        margin_reason="Ten points: what separates D0's rescued run from the end of the one without a remedy is more.",
    ),
    _DEEP(
        "C-022",
        (
            Difference(tested("residual_41"), tested("bn_41_plateau"), margin=CLEARLY),
            _later("bn_41_plateau", "residual_41", REACHED),
            _most("residual_41", largest_drop(_VAL), "below", NORMAL),
        ),
        margin_reason=SEED_NOISE,
    ),
    # "Not always": the deepest plain net and the deepest with batch norm are worse than shallower ones. All train 20
    # epochs; that the residual net may be better does not contradict it.
    _DEEP(
        "C-030",
        (
            Difference(tested("plain_5"), tested("plain_41"), margin=CLEARLY),
            Difference(tested("plain_5"), tested("bn_41"), margin=CLEARLY),
            Difference(tested("bn_22"), tested("bn_41"), margin=CLEARLY),
        ),
        margin_reason=SEED_NOISE,
    ),
    # "High": 80 %. The last model is not tested; nothing was selected by its validation accuracy, which stands for its
    # test accuracy to half a point.
    _DEEP(
        "C-032",
        (
            _most("bn_41", final("test_accuracy"), "above", 0.8),
            Difference(tested("bn_41"), Value("bn_41", final(_VAL)), margin=0.10),
        ),
        margin_reason="Still high is 80 %, and ten points less for the last model are not.",
    ),
    _DEEP("C-034", (*_trains("bn_41_plateau"), *_trains("residual_41")), margin_reason=AS_D0_SAYS),
    Claim(
        "C-114",
        (
            Difference(
                Value("w64_plain_20", final("train_accuracy")),
                Value("w64_plain_56", final("train_accuracy")),
                0.0,
                expected=0.1,
            ),
        ),
        planned_n=10,
        margin_reason="Any training error that is higher is the claim.",
    ),
)

# E-012 prints no number but that bound, "at most 3 points", which C-022 judges.
DEPTH_REPORTED = (
    *reported_by("E-004", {"plain": "plain_22"}),
    *reported_by("E-005", {"batch_norm": "bn_22"}),
    *reported_by("E-007", {"batch_norm": "bn_41"}),
    *reported_by("E-011", {"plateau": "bn_41_plateau"}),
)

DEPTH_EXPERIMENT = Experiment(
    name="depth",
    question="Why do 22 and 41 layers train badly, and what mends it?",
    ledger=tuple(f"E-{number:03}" for number in range(4, 14)),
    presets={
        # Nets a third as deep, and no wider than the digits' 64 pixels: compiling them is most of the time.
        "quick": Preset(seeds=3, epochs=10, batch_size=16, max_width=64, keep_every=3),
        "full": Preset(
            seeds={arm: 6 if arm in D0_22 else 1 if arm in D0_41 else 10 for arm in DEPTH_ARMS},
            epochs=20,
            batch_size=64,
        ),
    },
    arms=_arms,
    claims=DEPTH_CLAIMS,
    figures=(
        EveryRun(
            "test_accuracy", tuple(arm for arm in DEPTH_ARMS if arm not in W64), reported=DEPTH_REPORTED, document="D0"
        ),
        PeakCurves(("bn_41", "bn_41_plateau", "bn_41_sgd", "residual_41"), DEGRADED),
        PeakCurves(("bn_41_30", "bn_41_lr3e-4", "bn_41_lr1e-4", "bn_41_lr3e-5"), DEGRADED, part="rates"),
        CompareArms(D0_22, _VAL, part="22"),
        CompareArms(("bn_41_plateau", "residual_41", "residual_41_identity", "residual_41_plateau"), _VAL, part="41"),
        CompareArms(W64, "train_accuracy"),
        *(TrainingCurves(arm, reported=DEPTH_REPORTED, document="D0") for arm in AS_D0),
    ),
    reported=DEPTH_REPORTED,
)
