"""Does a 5-layer MLP train from N(0, 1) weights, and does He initialization mend it? (E-001 to E-003)

    python -m experiments run initialization --dataset mnist --data-dir DIR --preset full

D0's net 784-128-64-32-16-10, Adam, batch 64, 15 epochs, best validation model tested. E-003 uses He's normal
form; its uniform form is the arm beside it (C-007).
"""

from experiments.base import Experiment, Preset, reported_by
from jaxmlp.data import Dataset
from jaxmlp.evidence import (
    Claim,
    CompareArms,
    Difference,
    Equivalence,
    EveryRun,
    Probability,
    TrainingCurves,
    Value,
    at,
    final,
)
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, Hyper, RunSpec

ARMS = ("randn", "randn_lr1e-2", "he_normal", "he_uniform")


def arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """N(0, 1) at D0's two learning rates, and He's two forms."""
    widths = (dataset.train_images.shape[1], 128, 64, 32, 16, dataset.num_classes)
    data = DataSpec(split="random_fifth", batch_size=preset.batch_size, train_size=preset.train_size)

    def spec(initializer: str) -> RunSpec:
        return RunSpec(MLPSpec(widths, initializer=initializer), data=data, epochs=preset.epochs)

    return [
        Arm("randn", spec("randn")),  # E-001
        Arm("randn_lr1e-2", spec("randn"), Hyper(learning_rate=1e-2)),  # E-002, S-072
        Arm("he_normal", spec("he_normal")),  # E-003
        Arm("he_uniform", spec("he_uniform")),
    ]


def _test(arm: str) -> Value:
    return Value(arm, final("test_accuracy"))


def _fails(arm: str) -> Probability:
    """Most runs of the arm end under 50 % test accuracy."""
    return Probability(_test(arm), "below", 0.5, bound=0.5)


CLAIMS = (
    # "Barely learns": most runs end under 50 %; "nothing before epoch 6": most are under 50 % after epoch 5.
    Claim(
        "C-001",
        (_fails("randn"), Probability(Value("randn", at("val_accuracy", epoch=5)), "below", 0.5, bound=0.5)),
        planned_n=30,
    ),
    # "No great improvement": it still fails, and gains less than 10 points on the smaller rate.
    Claim(
        "C-004",
        (_fails("randn_lr1e-2"), Difference(_test("randn"), _test("randn_lr1e-2"), margin=-0.10)),
        planned_n=30,
    ),
    # It learns; its first epoch is 10 points above all that N(0, 1) reaches; and it reaches what D0 printed.
    Claim(
        "C-005",
        (
            Probability(_test("he_normal"), "above", 0.5, bound=0.5),
            Difference(
                Value("he_normal", at("val_accuracy", epoch=1)),
                Value("randn", final("val_accuracy")),
                margin=0.10,
            ),
            Equivalence(_test("he_normal"), 0.9774, margin=0.005),
        ),
        planned_n=30,
    ),
    # Seeds of this net differ by 0.1 to 0.15 points, so 0.3 points is what one run could not tell.
    Claim("C-007", (Equivalence(_test("he_normal"), _test("he_uniform"), margin=0.003),), planned_n=30),
)

REPORTED = reported_by("E-003", {"he_normal": "he_normal"})

INITIALIZATION = Experiment(
    name="initialization",
    question="Does a 5-layer MLP train from N(0, 1) weights, and does He initialization mend it?",
    ledger=("E-001", "E-002", "E-003"),
    presets={
        # Batches of 8 give the digits 143 updates per epoch; 64 would give 17 (MNIST: 750).
        "quick": Preset(seeds=30, epochs=15, batch_size=8, train_size=1150),
        "full": Preset(seeds=30, epochs=15, batch_size=64),
    },
    arms=arms,
    claims=CLAIMS,
    figures=(
        EveryRun("test_accuracy", ARMS, reported=REPORTED, document="D0"),
        CompareArms(ARMS, "val_accuracy"),
        *(TrainingCurves(arm, reported=REPORTED, document="D0") for arm in ARMS),
    ),
    reported=REPORTED,
)
