"""Which digits does D4's net see in ten test images? (E-072)

    python -m experiments run digits_demo --dataset mnist --data-dir DIR --preset full

D4's figure 3: ten consecutive test images from a random offset, each under the class that the trained net predicts
(S-102). The net is the reference net with its faults mended; `jaxmlp test` draws the picture for any
saved net.
"""

from experiments.lab.base import Experiment, Preset
from experiments.lab.documents.d4 import CORRECTED, D4_HYPER, d4_spec
from jaxmlp.data import Dataset
from jaxmlp.evidence import TrainingCurves
from jaxmlp.study import Arm

ARM = "corrected"


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """The one net."""
    return [Arm(ARM, d4_spec(dataset, preset, CORRECTED), D4_HYPER)]


DIGITS_DEMO_EXPERIMENT = Experiment(
    name="digits_demo",
    question="Which digits does D4's net see in ten test images?",
    ledger=("E-072",),
    presets={
        "quick": Preset(seeds=1, epochs=10, batch_size=24),  # as in `reference_net`
        "full": Preset(seeds=1, epochs=10, batch_size=100),
    },
    arms=_arms,
    figures=(TrainingCurves(ARM),),
    demo_arm=ARM,
)
