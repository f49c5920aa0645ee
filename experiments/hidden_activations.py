"""Is ReLU the activation to start with, and are sigmoid and tanh to be avoided in hidden layers? (C-106)

    python -m experiments run hidden_activations --dataset mnist --data-dir DIR --preset full

D1 advises and runs nothing, so the nets are ours: 1, 2 and 5 hidden layers of 100 units, Adam, batch 64, and the start
that D1 gives each activation (S-043): He's for ReLU, Xavier's for the others. Each net is trained at every rate of
`_RATES`; an arm without a rate in its name takes the one with the best validation accuracy.
"""

from experiments.lab.base import SEED_NOISE, Experiment, Preset
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun, Value, final
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, Hyper, RunSpec

_STARTS = {"relu": "he_normal", "sigmoid": "xavier_normal", "tanh": "xavier_normal"}
DEPTHS = (1, 2, 5)
_RATES = ("1e-4", "3e-4", "1e-3", "3e-3", "1e-2")
HIDDEN_ACTIVATIONS_NETS = {f"{depth}_{activation}": (depth, activation) for depth in DEPTHS for activation in _STARTS}
HIDDEN_ACTIVATIONS_TUNED = {net: tuple(f"{net}_lr{rate}" for rate in _RATES) for net in HIDDEN_ACTIVATIONS_NETS}


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """Every net at every rate."""
    data = DataSpec("random_fifth", batch_size=preset.batch_size, train_size=preset.train_size)

    def spec(depth: int, activation: str) -> RunSpec:
        widths = (dataset.train_inputs.shape[1], *[100] * depth, dataset.num_classes)
        mlp = MLPSpec(widths, activation=activation, initializer=_STARTS[activation])
        return RunSpec(mlp, data=data, epochs=preset.epochs)

    return [
        Arm(f"{net}_lr{rate}", spec(*setting), Hyper(learning_rate=float(rate)))
        for net, setting in HIDDEN_ACTIVATIONS_NETS.items()
        for rate in _RATES
    ]


def _avoided(depth: int, activation: str) -> Difference:
    """ReLU is better by more than two standard deviations of a seed, 0.3 points: what one run of each would show."""
    relu, other = (Value(f"{depth}_{name}", final("test_accuracy")) for name in ("relu", activation))
    return Difference(relu, other, margin=0.003, level=str(depth))


HIDDEN_ACTIVATIONS_CLAIMS = (
    Claim(
        "C-106",
        tuple(_avoided(depth, activation) for depth in DEPTHS for activation in ("sigmoid", "tanh")),
        planned_n=20,
        factor="number of hidden layers",
        margin_reason=SEED_NOISE,
    ),
)

HIDDEN_ACTIVATIONS_EXPERIMENT = Experiment(
    name="hidden_activations",
    question="Is ReLU the activation to start with, and are sigmoid and tanh to be avoided in hidden layers?",
    ledger=(),
    presets={
        "quick": Preset(seeds=4, epochs=10, batch_size=8, train_size=1150),
        "full": Preset(seeds=20, epochs=20, batch_size=64),
    },
    arms=_arms,
    claims=HIDDEN_ACTIVATIONS_CLAIMS,
    figures=(
        EveryRun("test_accuracy", tuple(HIDDEN_ACTIVATIONS_NETS), note="Each at its own best rate."),
        *(
            CompareArms(
                tuple(net for net in HIDDEN_ACTIVATIONS_NETS if net.startswith(f"{depth}_")),
                "val_accuracy",
                note="Each at its own best rate.",
                part=f"{depth}",
            )
            for depth in DEPTHS
        ),
    ),
    tuned=HIDDEN_ACTIVATIONS_TUNED,
)
