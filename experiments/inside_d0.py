"""What happens inside D0's nets while they train, layer by layer? (C-001 to C-024)

    python -m experiments run inside_d0 --dataset mnist --data-dir DIR --preset full

D0 gives causes, vanishing gradients and a "sensitive minimum", without having looked. Here every epoch is looked at:
the size of every layer's values and gradients, how alike inputs become, and whose statistics batch norm goes by. One
seed each: what is drawn is described, not judged. The nets are D0's in depth and order, no wider than 128 units, on
10,000 rows: so two cores do it in minutes. A law's band says where starts of such nets lie.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from experiments.depth import DEPTH_EXPERIMENT
from experiments.initialization import INITIALIZATION_EXPERIMENT
from experiments.lab.base import Experiment, Preset
from experiments.lab.documents.d0 import HIDDEN_5, HIDDEN_41
from jaxmlp.data import Dataset
from jaxmlp.evidence import CompareArms, FigureSpec, FlowStrips, VitalSigns
from jaxmlp.probes import Flow, NormStatistics, OutputFlow, laws
from jaxmlp.study import Arm

WIDEST_INSIDE = 128
STARTED = ("randn", "he_normal")
INSIDE_41 = ("plain_41", "bn_41_30", "bn_41_plateau", "residual_41")
INSIDE_ARMS = (*STARTED, *INSIDE_41)
DEVIATIONS_ALLOWED = 2.0
"""Standard deviations of the law that a band is wide to either side: one start in twenty lies outside by chance."""
GROWTHS_ALLOWED = (1.3, 1.7)
"""By how much the squared gradient may grow a layer behind batch norm: from below the law of wide nets, 1.47, to what
batches of 16 have (`laws.batch_norm_growth`)."""


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """D0's arms with their names, no wider than the preset says; of five layers as of 41."""
    most = preset.max_width or WIDEST_INSIDE
    every = [*INITIALIZATION_EXPERIMENT.arms(dataset, preset), *DEPTH_EXPERIMENT.arms(dataset, preset)]
    return [_narrowed(arm, most) for arm in every if arm.name in INSIDE_ARMS]


def _narrowed(arm: Arm, most: int) -> Arm:
    first, *hidden, last = arm.spec.mlp.widths
    mlp = replace(arm.spec.mlp, widths=(first, *(min(width, most) for width in hidden), last))
    return replace(arm, spec=replace(arm.spec, mlp=mlp))


def value_band(hidden: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Of every layer's standard deviation over the first one's, in a net of ReLU with He's start and no norm.

    Args:
        hidden: widths of the hidden layers.
    """
    ends = []
    for layer in range(len(hidden) + 1):
        law = laws.finite_width_norm(hidden[:layer])
        ends.append((law.mean - DEVIATIONS_ALLOWED * law.deviation, law.mean + DEVIATIONS_ALLOWED * law.deviation))
    return tuple((math.exp(low / 2), math.exp(high / 2)) for low, high in ends)


def gradient_band(hidden: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Of the norm of the gradient for every linear's output over the first one's; towards the output it is the inverse
    of what values do on the way: the layers between lie on the other side.
    """
    return tuple((1 / high, 1 / low) for low, high in value_band(hidden))


def norm_gradient_band(layers: int) -> tuple[tuple[float, float], ...]:
    """The same behind batch norm, where gradients grow towards the input."""
    low, high = GROWTHS_ALLOWED
    return tuple((high ** (-layer / 2), low ** (-layer / 2)) for layer in range(layers))


def _figures() -> list[FigureSpec]:
    narrow = [min(width, WIDEST_INSIDE) for width in HIDDEN_41]
    bands = {"he_normal": HIDDEN_5, "randn": HIDDEN_5, "plain_41": narrow}
    figures: list[FigureSpec] = [CompareArms(INSIDE_ARMS, "train_loss"), CompareArms(INSIDE_ARMS, "val_accuracy")]
    for arm in INSIDE_ARMS:
        values = value_band(bands[arm]) if arm in bands else ()
        gradients = gradient_band(bands[arm]) if arm in bands else ()
        if arm in ("bn_41_30", "bn_41_plateau"):
            gradients = norm_gradient_band(len(narrow) + 1)
        figures += [
            FlowStrips(arm, "linear_standard_deviation", band=values, note=LAW_OF_STARTS if values else ""),
            FlowStrips(arm, "output_gradient_norm", band=gradients, note=LAW_OF_STARTS if gradients else ""),
            FlowStrips(arm, "linear_input_correlation", note="1: the layer answers all inputs in one direction."),
        ]
        if arm not in (*STARTED, "plain_41"):
            figures.append(FlowStrips(arm, "running_mean_gap", note="0: running statistics are those of the rows."))
        figures.append(VitalSigns(arm))
    return figures


LAW_OF_STARTS = "The band is of starts with He's weights; training may leave it."

INSIDE_D0_EXPERIMENT = Experiment(
    name="inside_d0",
    question="What happens inside D0's nets while they train, layer by layer?",
    ledger=(),
    presets={
        # As deep, since depth is what it is about: compiling is most of the time.
        "quick": Preset(seeds=1, epochs=4, batch_size=16, max_width=32),
        "full": Preset(seeds=1, epochs=20, batch_size=64, train_size=10_000, max_width=WIDEST_INSIDE),
    },
    arms=_arms,
    figures=tuple(_figures()),
    probes=(Flow(), OutputFlow(), NormStatistics()),
)
