"""Is Maxout 2 points better than ReLU in D3's net, slower to settle, and prone to explode? (E-042)

    python -m experiments run maxout --dataset mnist --data-dir DIR --preset full

D3 puts a maxout layer 256 -> 256 of two pieces behind Linear(784, 256): a further layer and 131,584 parameters (P-12).
`relu_256-256` has that layer with ReLU, `relu_wide` the parameters in one hidden layer, `relu_deep` both, in two of
equal width: what Maxout has over the last is its piecewise fit. `true_maxout` is 784 -> 256 of two pieces (A-21). Base
and Maxout are trained at five rates around D3's 0.1.
"""

from typing import Literal

from experiments.lab.base import FRESH, Experiment, Preset, reported_by, tested
from experiments.lab.documents.d3 import D3_HYPER, D3_PRESETS, d3_spec, one_layer_width
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun, Probability, Rival, Value, reached
from jaxmlp.nn import count_parameters
from jaxmlp.study import Arm

_RATES = (0.01, 0.03, 0.3, 1.0)
"""Besides D3's 0.1."""
_NETS = ("base", "maxout", "true_maxout", "relu_256-256", "relu_wide", "relu_deep")
MAXOUT_ARMS = (*_NETS, *(f"{net}_lr{rate:g}" for rate in _RATES for net in ("base", "maxout")))


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """ReLU, both forms of Maxout, the nets matched to D3's, and the rates."""
    maxout = d3_spec(dataset, preset, activation="maxout_layer")
    wide, deep = matched_widths(count_parameters(maxout.mlp), dataset.train_inputs.shape[1], dataset.num_classes)
    specs = {
        "base": d3_spec(dataset, preset),
        "maxout": maxout,  # E-042
        "true_maxout": d3_spec(dataset, preset, activation="maxout"),
        "relu_256-256": d3_spec(dataset, preset, (256, 256)),
        "relu_wide": d3_spec(dataset, preset, (wide,)),
        "relu_deep": d3_spec(dataset, preset, (deep, deep)),
    }
    at_rates = [
        Arm(f"{net}_lr{rate:g}", specs[net], D3_HYPER.replace(learning_rate=rate))
        for rate in _RATES
        for net in ("base", "maxout")
    ]
    return [*(Arm(name, spec, D3_HYPER) for name, spec in specs.items()), *at_rates]


def matched_widths(count: int, inputs: int, classes: int) -> tuple[int, int]:
    """Width of one hidden layer, and of each of two equal ones, with about `count` parameters.

    Two of width w have w² + w (inputs + 2 + classes) + classes.
    """
    half = (inputs + 2 + classes) / 2
    return one_layer_width(count, inputs, classes), round((half**2 + count - classes) ** 0.5 - half)


def _explodes_and_lags(
    end: str, level: str | None, scope: Literal["primary", "beyond"]
) -> tuple[Probability, Difference]:
    """In more than three runs of ten the loss is lost or the net ends useless; and it settles later than the base."""
    a, b = _settled(f"maxout{end}"), _settled(f"base{end}")
    return (
        Probability(tested(f"maxout{end}"), "below", 0.5, bound=0.3, level=level, scope=scope),
        Difference(a, b, 0.0, unit="epochs", level=level, scope=scope, expected=0.5),
    )


def _settled(arm: str) -> Value:
    return Value(arm, reached("train_accuracy", 0.97))


MAXOUT_CLAIMS = (
    # More than half of the 2 points. The rival has the layer and the parameters, with ReLU.
    Claim(
        "C-302",
        (Difference(tested("maxout"), tested("base"), margin=0.01),),
        planned_n=20,
        rival=Rival("another layer and as many parameters, with ReLU", tested("relu_deep"), tested("base")),
        margin_reason="Half of the two points that D3 prints.",
    ),
    # At D3's own rate; three and ten times that are ours.
    Claim(
        "C-303",
        (
            *_explodes_and_lags("", None, "primary"),
            *_explodes_and_lags("_lr0.3", "rate 0.3", "beyond"),
            *_explodes_and_lags("_lr1", "rate 1", "beyond"),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="Easily is in more than three runs of ten, which twelve runs can show or rule out.",
    ),
)

MAXOUT_REPORTED = reported_by("E-042", {"maxout": "maxout"}, baseline="base")

MAXOUT_EXPERIMENT = Experiment(
    name="maxout",
    question="Is Maxout 2 points better than ReLU in D3's net, slower to settle, and prone to explode?",
    ledger=("E-042",),
    presets=D3_PRESETS | {"full": Preset(seeds=50, epochs=20, batch_size=64)},
    arms=_arms,
    claims=MAXOUT_CLAIMS,
    figures=(
        EveryRun("test_accuracy", MAXOUT_ARMS),
        CompareArms(_NETS, "train_accuracy"),
        CompareArms(_NETS, "train_loss"),
    ),
    reported=MAXOUT_REPORTED,
)
