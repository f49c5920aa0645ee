"""Does D4's reference net reach 97.33 %, and what do its program's peculiarities change? (E-060, E-066, E-073)

    python -m experiments run reference_net --dataset mnist --data-dir DIR --preset full

784-300-150-10 without biases (S-116), batch norm before the ReLU, momentum, batch 100, 10 epochs, the first 54,000
images and the last 6,000. `as_shipped` is the program, faults included. `corrected` mends its faults (the order of the
data, the batch norm gradient, validation in training mode) and keeps what is a choice: raw pixels, a rate that halves
after epochs 1, 3, 5, ..., no biases. Every other arm is `corrected` with one thing changed: a fault put back, or
another choice. The last model is tested, as in D4: its printed 97.40 % is epoch 10 of its log, whose best is epoch 9
(E-073).

Two arms change less than their names say. Batch norm subtracts a bias that goes into it, so `with_bias` has biases at
the outputs alone. And it divides any scale of the pixels out again, in the forward pass and in the gradient, up to ε:
`scaled_pixels` is a check of that.
"""

from experiments.lab.base import FRESH, SEED_NOISE, Experiment, Preset, reported_by, tested
from experiments.lab.documents.d4 import AS_SHIPPED, CORRECTED, D4_HYPER, D4Program, d4_spec
from experiments.lab.timed import reported_seconds, times_of
from jaxmlp.data import Dataset
from jaxmlp.evidence import (
    Claim,
    CompareArms,
    Difference,
    Equivalence,
    EveryRun,
    TrainingCurves,
)
from jaxmlp.study import Arm

REFERENCE_NET_PROGRAMS = {
    "as_shipped": AS_SHIPPED,  # E-060, E-066 and E-073, one run
    "corrected": CORRECTED,
    "no_shuffle": D4Program(shuffle=False),  # S-008
    "bn_backward_d4": D4Program(backward="d4_shipped"),  # S-030
    "train_mode_validation": D4Program(validation="d4_shipped"),  # S-101
    "scaled_pixels": D4Program(preprocessing="train_mean"),  # S-007's pixels, divided by 255
    "doc_schedule": D4Program(schedule="step_decay"),
    "with_bias": D4Program(bias=True),
}
REFERENCE_NET_ARMS = tuple(REFERENCE_NET_PROGRAMS)


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """D4's net under every program."""
    return [Arm(name, d4_spec(dataset, preset, program), D4_HYPER) for name, program in REFERENCE_NET_PROGRAMS.items()]


REFERENCE_NET_CLAIMS = (
    Claim(
        "C-429",
        (Equivalence(tested("no_shuffle"), tested("corrected"), margin=0.003),),
        planned_n=12,
        ours=True,
        first_seed=FRESH,
        margin_reason=SEED_NOISE,
    ),
    # The program as it was has D4's number for its mean. Mended, with biases or without, which is ours, it does not
    # fall below it.
    Claim(
        "C-430",
        (
            Equivalence(tested("as_shipped"), 0.9733, margin=0.003),
            Difference(tested("corrected"), 0.9733, margin=-0.003, scope="beyond", level="faults mended"),
            Difference(tested("with_bias"), 0.9733, margin=-0.003, scope="beyond", level="mended, with biases"),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="D4's number is that of one run, which may stand two standard deviations, 0.3 points, away.",
    ),
)

REFERENCE = {"reference": "as_shipped"}
REFERENCE_NET_REPORTED = (
    *(one for row in ("E-060", "E-073") for one in reported_by(row, REFERENCE)),
    *reported_seconds("E-060", REFERENCE),
    *reported_seconds("E-066", {"300-150,batch_size=100": "as_shipped"}),
)

REFERENCE_NET_EXPERIMENT = Experiment(
    name="reference_net",
    question="Does D4's reference net reach 97.33 %, and what do its program's peculiarities change?",
    ledger=("E-060", "E-066", "E-073"),
    presets={
        # Batches of 24 give the digits 54 updates per epoch and divide the 144 validation images; 100 would give 12
        # updates (MNIST: 540). They also make the fault in the batch norm gradient larger (S-030).
        "quick": Preset(seeds=30, epochs=10, batch_size=24),
        "full": Preset(seeds=30, epochs=10, batch_size=100),
    },
    arms=_arms,
    claims=REFERENCE_NET_CLAIMS,
    figures=(
        EveryRun("test_accuracy", REFERENCE_NET_ARMS, reported=REFERENCE_NET_REPORTED, document="D4"),
        CompareArms(
            ("as_shipped", "corrected", "no_shuffle", "bn_backward_d4", "train_mode_validation"),
            "val_accuracy",
            note="As shipped, and with validation in training mode, it is measured with batch statistics.",
        ),
        *(TrainingCurves(arm, reported=REFERENCE_NET_REPORTED, document="D4") for arm in ("as_shipped", "corrected")),
    ),
    reported=REFERENCE_NET_REPORTED,
    measured=times_of("as_shipped"),
)
