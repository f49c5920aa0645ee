"""Do batch norm and layer norm help a net to train, at large batches and at tiny ones? (C-113)

    python -m experiments run norms --dataset mnist --data-dir DIR --preset full

D1 presents both norms and runs nothing. The net is D0's of 5 layers with He's start, Adam at 1e-3; the norm stands
before the activation, as in the papers that introduced them. Batches of 4 are where the statistics of a batch are noise
and those of a layer are not.
"""

from experiments.lab.base import FRESH, SEED_NOISE, Experiment, Preset
from experiments.lab.documents.d0 import HIDDEN_5
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun, Value, final, reached
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, RunSpec

SHORT = {"none": "none", "batch_norm": "bn", "layer_norm": "ln"}
_SIZES = ("4", "64")


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """Every norm at either batch size; the preset's own is the larger one."""
    widths = (dataset.train_inputs.shape[1], *HIDDEN_5, dataset.num_classes)
    sizes = dict(zip(_SIZES, (4, preset.batch_size), strict=True))

    def spec(norm: str, size: int) -> RunSpec:
        data = DataSpec("random_fifth", batch_size=size, train_size=preset.train_size)
        return RunSpec(MLPSpec(widths, norm=norm, norm_position="pre_activation"), data=data, epochs=preset.epochs)

    return [Arm(f"{SHORT[norm]}_batch_{name}", spec(norm, size)) for name, size in sizes.items() for norm in SHORT]


def _helps(norm: str, size: str) -> tuple[Difference, Difference]:
    """It gets to 95 % sooner, and does not end worse by more than seeds differ; batches of 4 are ours."""
    own, without = f"{norm}_batch_{size}", f"none_batch_{size}"
    sooner, end = reached("val_accuracy", 0.95), final("test_accuracy")
    name = {"bn": "batch norm", "ln": "layer norm"}[norm]
    level, scope = (name, "primary") if size == "64" else (f"{name}, batches of 4", "beyond")
    return (
        Difference(
            Value(without, sooner), Value(own, sooner), 0.0, unit="epochs", level=level, scope=scope, expected=0.25
        ),
        Difference(Value(own, end), Value(without, end), margin=-0.003, level=level, scope=scope),
    )


NORMS_CLAIMS = (
    Claim(
        "C-113",
        tuple(part for size in _SIZES for norm in ("bn", "ln") for part in _helps(norm, size)),
        planned_n=14,
        factor="norm",
        first_seed=FRESH,
        margin_reason=SEED_NOISE,
    ),
)
NORMS_ARMS = tuple(f"{norm}_batch_{size}" for size in _SIZES for norm in SHORT.values())

NORMS_EXPERIMENT = Experiment(
    name="norms",
    question="Do batch norm and layer norm help a net to train, at large batches and at tiny ones?",
    ledger=(),
    presets={
        "quick": Preset(seeds=5, epochs=8, batch_size=64),
        "full": Preset(seeds=20, epochs=10, batch_size=64),
    },
    arms=_arms,
    claims=NORMS_CLAIMS,
    figures=(EveryRun("test_accuracy", NORMS_ARMS), CompareArms(NORMS_ARMS, "val_accuracy")),
)
