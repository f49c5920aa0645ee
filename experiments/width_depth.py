"""Do a wider hidden layer and a second one help D3's net, and which helps more? (E-044, E-045)

    python -m experiments run width_depth --dataset mnist --data-dir DIR --preset full

One hidden layer from 12 units to 2048, and two hidden layers, the first twice as wide as the second. D3 compares
784-512-256-10 with 784-784-10, which has a sixth more parameters. Each `wide_like_*` has one hidden layer and as many
parameters as the net of two layers it is named after: what is left between them is depth.
"""

from experiments.lab.base import FRESH, Experiment, Preset, reported_by, tested
from experiments.lab.documents.d3 import D3_HYPER, D3_PRESETS, d3_spec, one_layer_width
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun, Value
from jaxmlp.nn import MLPSpec, count_parameters
from jaxmlp.study import Arm

WIDTHS = (12, 24, 64, 256, 784, 2048)
WIDTH_DEPTH_DEEP = tuple((2 * h, h) for h in (32, 64, 128, 256))


def _deep(hidden: tuple[int, int]) -> str:
    return "-".join(map(str, hidden))


def _wide(hidden: tuple[int, int]) -> str:
    return f"wide_like_{_deep(hidden)}"


def nets(inputs: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Hidden widths by the arm's name."""
    return {
        **{f"width_{width}": (width,) for width in WIDTHS},  # E-044: 12 or 24, 784, 2048
        **{_deep(hidden): hidden for hidden in WIDTH_DEPTH_DEEP},  # E-045: 512-256
        **{
            _wide(hidden): (one_layer_width(count_parameters(MLPSpec((inputs, *hidden, classes))), inputs, classes),)
            for hidden in WIDTH_DEPTH_DEEP
        },
    }


WIDTH_DEPTH_ARMS = tuple(nets(784, 10))


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """D3's nets, and those of the grid."""
    hidden = nets(dataset.train_inputs.shape[1], dataset.num_classes)
    return [Arm(name, d3_spec(dataset, preset, widths), D3_HYPER) for name, widths in hidden.items()]


def _gains(wide: Value, narrow: Value, printed: float, level: str) -> tuple[Difference, Difference]:
    """As much as D3 prints, to a point."""
    least, most = printed - 0.01, printed + 0.01
    return (
        Difference(wide, narrow, least, level=level, expected=printed),
        Difference(narrow, wide, -most, level=level, expected=-printed),
    )


WIDTH_DEPTH_CLAIMS = (
    # 3.5 points, from either of the smallest widths that D3 gives: 24 in its text, 12 by its count.
    Claim(
        "C-305",
        tuple(
            part
            for width in (12, 24)
            for part in _gains(tested("width_2048"), tested(f"width_{width}"), 0.035, f"{width} units")
        ),
        planned_n=12,
        factor="smallest width",
        first_seed=FRESH,
        margin_reason="D3 prints half points, of one run each: such a gain may stand a point away.",
    ),
    # More than half of the point that D3 saw. Nets of equal numbers of parameters are ours.
    Claim(
        "C-306",
        (
            Difference(tested("512-256"), tested("width_784"), margin=0.005),
            *(
                Difference(
                    tested(_deep(hidden)), tested(_wide(hidden)), 0.0, scope="beyond", level=f"{_deep(hidden)}, as many"
                )
                for hidden in WIDTH_DEPTH_DEEP
            ),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="Half of the point that D3 prints.",
    ),
)

WIDTH_DEPTH_REPORTED = (
    *reported_by("E-044", {"width=2048": "width_2048"}, baseline="width_12"),
    *reported_by("E-045", {"512-256": "512-256"}, baseline="width_784"),
)

WIDTH_DEPTH_EXPERIMENT = Experiment(
    name="width_depth",
    question="Do a wider hidden layer and a second one help D3's net, and which helps more?",
    ledger=("E-044", "E-045"),
    presets=D3_PRESETS | {"full": Preset(seeds=30, epochs=20, batch_size=64)},
    arms=_arms,
    claims=WIDTH_DEPTH_CLAIMS,
    figures=(
        EveryRun(
            "test_accuracy",
            WIDTH_DEPTH_ARMS,
            note="Each wide_like net has one hidden layer and as many parameters as the net it is named after.",
        ),
        CompareArms(
            ("width_12", "width_24", "width_256", "width_784", "width_2048", "512-256"),
            "train_accuracy",
        ),
    ),
    reported=WIDTH_DEPTH_REPORTED,
)
