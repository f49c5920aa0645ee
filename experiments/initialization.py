"""From which weights does a 5-layer MLP train: N(0, 1), He's, zeros, equal ones? (E-001 to E-003)

    python -m experiments run initialization --dataset mnist --data-dir DIR --preset full

D0's net 784-128-64-32-16-10, Adam, batch 64, 15 epochs, best validation model tested. E-003 uses He's normal
form; its uniform form is the arm beside it (C-007). `zeros` and `symmetric` are the starts that D1 forbids; dropout
treats the units of a layer differently, so `symmetric_dropout` shows whether sameness is what holds the other back.
The `start_` arms are not trained: they follow the variance of the pre-activations through the layers (`propagation`);
the `_after_` arms take 50 updates from the forbidden starts (`forbidden`).
"""

import math

from experiments.lab.base import FRESH, SEED_NOISE, Experiment, Preset, reported_by, tested
from experiments.lab.documents.d0 import HIDDEN_5
from experiments.lab.forbidden import AFTER_UPDATES, ALIKE, FORBIDDEN, ZEROS
from experiments.lab.measured import both
from experiments.lab.propagation import DRAWN, GROWTH, LAYERS, PROFILES, PROPAGATION_STARTS
from jaxmlp.data import Dataset
from jaxmlp.evidence import (
    Claim,
    CompareArms,
    Difference,
    Equivalence,
    EveryRun,
    Identity,
    Probability,
    TrainingCurves,
    Value,
    at,
    best,
    final,
)
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, Hyper, RunSpec

D0_ARMS = ("randn", "randn_lr1e-2", "he_normal", "he_uniform")
D1_ARMS = ("zeros", "symmetric", "symmetric_dropout")
INITIALIZATION_ARMS = (*D0_ARMS, *D1_ARMS)


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """N(0, 1) at D0's two learning rates, He's two forms, and D1's forbidden starts."""
    widths = (dataset.train_inputs.shape[1], *HIDDEN_5, dataset.num_classes)
    data = DataSpec(split="random_fifth", batch_size=preset.batch_size, train_size=preset.train_size)

    def spec(initializer: str, dropout: str = "none") -> RunSpec:
        return RunSpec(MLPSpec(widths, initializer=initializer, dropout=dropout), data=data, epochs=preset.epochs)

    return [
        Arm("randn", spec("randn")),  # E-001
        Arm("randn_lr1e-2", spec("randn"), Hyper(learning_rate=1e-2)),  # E-002, S-072
        Arm("he_normal", spec("he_normal")),  # E-003
        Arm("he_uniform", spec("he_uniform")),
        Arm("zeros", spec("zeros")),
        Arm("symmetric", spec("symmetric")),
        Arm("symmetric_dropout", spec("symmetric", "inverted"), Hyper(dropout_rate=0.2)),
    ]


def _fails(arm: str) -> Probability:
    """Most runs of the arm end under 50 % test accuracy."""
    return Probability(tested(arm), "below", 0.5, bound=0.5)


def _kept(start: str, number: str, margin: float, level: str | None = None) -> Equivalence:
    return Equivalence(Value(start, final(number), GROWTH.name), 0.0, margin, unit="ln per layer", level=level)


def _neighbours(start: str, layer: int, level: str) -> Equivalence:
    """The variance of a layer is that of the layer before it."""
    after, before = (Value(start, at("log10_variance", epoch=number), LAYERS.name) for number in (layer + 1, layer))
    return Equivalence(after, before, math.log10(1.1), unit="log10", level=level)


INITIALIZATION_CLAIMS = (
    # "Barely learns": most runs end under 50 %; "nothing before epoch 6": most are under 50 % after epoch 5.
    Claim(
        "C-001",
        (_fails("randn"), Probability(Value("randn", at("val_accuracy", epoch=5)), "below", 0.5, bound=0.5)),
        planned_n=30,
        margin_reason="A net that learns stands above 90 % after an epoch, one that guesses at 10.",
    ),
    # "No great improvement": it still fails, and gains less than 10 points on the smaller rate.
    Claim(
        "C-004",
        (_fails("randn_lr1e-2"), Difference(tested("randn"), tested("randn_lr1e-2"), margin=-0.10)),
        planned_n=30,
        margin_reason="Ten points are an eighth of what separates a guess from D0's other nets: less is no cure.",
    ),
    # It learns; its first epoch is 10 points above all that N(0, 1) reaches; and it reaches what D0 printed.
    Claim(
        "C-005",
        (
            Probability(tested("he_normal"), "above", 0.5, bound=0.5),
            Difference(
                Value("he_normal", at("val_accuracy", epoch=1)),
                Value("randn", best("val_accuracy")),
                margin=0.10,
                expected=0.5,
            ),
            Equivalence(tested("he_normal"), 0.9774, margin=0.005),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="D0's last five epochs differ by half a point, so its one run may stand that far from the mean.",
    ),
    Claim(
        "C-007",
        (Equivalence(tested("he_normal"), tested("he_uniform"), margin=0.003),),
        planned_n=30,
        margin_reason=SEED_NOISE,
    ),
    Claim(
        "C-006",
        (_kept("start_he_relu", "log_variance_slope", 0.02),),
        planned_n=100,
        margin_reason="2 % a layer is a factor of 2.3 over D0's 41 layers, and of 1.5 over its 22.",
    ),
    # The answer depends on the depth: the ratio of neighbouring layers near the inputs, and far from them.
    Claim(
        "C-105",
        tuple(
            _neighbours(start, layer, f"{name}, layer {layer}")
            for name, start in {"Kaiming, ReLU": "start_he_relu", "Xavier, tanh": "start_xavier_tanh"}.items()
            for layer in (1, 5, 20, 50)
        ),
        planned_n=30,
        factor="start and layer",
        first_seed=FRESH,
        margin_reason="About equal: to 10 % from a layer to the next.",
    ),
    # Only the last bias learns, which is the frequency of the classes: 11.35 % on MNIST, whose test part has the class
    # that is most frequent in training so often.
    Claim(
        "C-102",
        (
            *(
                Identity(Value(case, final("largest_weight"), AFTER_UPDATES.name), 0.0, tolerance=1e-12)
                for case in ZEROS
            ),
            _fails("zeros"),
            Equivalence(
                tested("zeros"), 0.1135, margin=0.005, scope="beside", level="MNIST's share of its largest class"
            ),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="A weight that has never had a gradient is 0 to the last bit; half a point is far from it.",
    ),
    # Alike after 50 updates, and it fails.
    Claim(
        "C-103",
        (
            *(
                Identity(Value(case, final("largest_difference"), AFTER_UPDATES.name), 0.0, tolerance=1e-5)
                for case in ALIKE
            ),
            _fails("symmetric"),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="Sums in another order differ by some 1e-6 of the largest weight after 50 updates.",
    ),
)

START_NOTE = (
    f"Of pre-activations, before training; {len(DRAWN)} nets are drawn. Saturated, tanh has a constant variance "
    "whatever comes in."
)
_REPORTED = reported_by("E-003", {"he_normal": "he_normal"})

INITIALIZATION_EXPERIMENT = Experiment(
    name="initialization",
    question="From which weights does a 5-layer MLP train: N(0, 1), He's, zeros, equal ones?",
    ledger=("E-001", "E-002", "E-003"),
    presets={
        # Batches of 8 give the digits 143 updates per epoch; 64 would give 17 (MNIST: 750).
        "quick": Preset(seeds=30, epochs=15, batch_size=8, train_size=1150),
        "full": Preset(seeds=30, epochs=15, batch_size=64),
    },
    arms=_arms,
    claims=INITIALIZATION_CLAIMS,
    figures=(
        EveryRun("test_accuracy", INITIALIZATION_ARMS, reported=_REPORTED, document="D0"),
        CompareArms(D0_ARMS, "val_accuracy"),
        CompareArms(("he_normal", *D1_ARMS), "val_accuracy", part="d1"),
        CompareArms(tuple(PROPAGATION_STARTS), "log10_variance", START_NOTE, table=LAYERS.name),
        *(TrainingCurves(arm, reported=_REPORTED, document="D0") for arm in D0_ARMS),
    ),
    reported=_REPORTED,
    measured=both(PROFILES, FORBIDDEN),
)
