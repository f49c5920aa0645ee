"""Does a net train better from inputs that are centered, standardized, uncorrelated? (C-031)

    python -m experiments run preprocessing --dataset mnist --data-dir DIR --preset full

D0's 5-layer net with He's start, Adam, batch 64, 15 epochs, as in E-003, from pixels in [0, 1] (`unit`) and from what
D0 and D1 advise: less the mean of all pixels (`train_mean`, D1's per channel) or of the image (`sample_mean`, D1's per
observation), each pixel to N(0, 1) (`standardize`), and uncorrelated too (`zca_whiten`, `pca_whiten`). Whatever is
fitted, is fitted on the training part.
"""

from dataclasses import replace

from experiments.lab.base import Experiment, Preset
from experiments.lab.documents.d0 import HIDDEN_5
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun, Value, final, reached
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, RunSpec

PREPROCESSING_ARMS = ("unit", "train_mean", "sample_mean", "standardize", "zca_whiten", "pca_whiten")


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """One net, six inputs."""
    mlp = MLPSpec((dataset.train_inputs.shape[1], *HIDDEN_5, dataset.num_classes))

    def spec(preprocessing: str) -> RunSpec:
        data = DataSpec("random_fifth", preprocessing, preset.batch_size, train_size=preset.train_size)
        return RunSpec(mlp, data=data, epochs=preset.epochs)

    return [Arm(name, spec(name)) for name in PREPROCESSING_ARMS]


def _better(arm: str, level: str) -> Difference:
    """D0 speaks of how well a model does in the end, without a number: more than [0, 1] pixels give is better."""
    return Difference(
        Value(arm, final("test_accuracy")),
        Value("unit", final("test_accuracy")),
        margin=0.0,
        level=level,
        expected=0.003,
    )


def _told(arm: str, level: str) -> tuple[Difference, ...]:
    """How soon it is at 95 %; and, of centred inputs, where it ends."""
    there = reached("val_accuracy", 0.95)
    sooner = Difference(
        Value("unit", there), Value(arm, there), 0.0, unit="epochs", level=f"{level}, pace", scope="beside"
    )
    return (sooner, replace(_better(arm, level), scope="beside")) if "centred" in level else (sooner,)


PREPROCESSING_CLAIMS = (
    # N(0, 1) alone, and N(0, 1) without correlation, of which there are two forms.
    Claim(
        "C-031",
        (
            _better("standardize", "standardized"),
            _better("zca_whiten", "ZCA-whitened"),
            _better("pca_whiten", "PCA-whitened"),
            *_told("train_mean", "centred by one mean"),
            *_told("sample_mean", "each image centred"),
            *_told("standardize", "standardized"),
            *_told("zca_whiten", "ZCA-whitened"),
        ),
        planned_n=30,
        factor="inputs",
        margin_reason="D0 gives no number: whatever is more than inputs in [0, 1] give is better.",
        limits="Pixels that are almost constant are divided by almost nothing: z-scores reach 49,515 in test images, "
        "whitening adds 1e-5 to the eigenvalues. Floors for both may be the cause, and no arm varies them yet.",
    ),
)

PREPROCESSING_EXPERIMENT = Experiment(
    name="preprocessing",
    question="Does a net train better from inputs that are centered, standardized, uncorrelated?",
    ledger=(),
    presets={
        # As in `initialization`: batches of 8 give the digits 143 updates per epoch.
        "quick": Preset(seeds=10, epochs=15, batch_size=8, train_size=1150),
        "full": Preset(seeds=30, epochs=15, batch_size=64),
    },
    arms=_arms,
    claims=PREPROCESSING_CLAIMS,
    figures=(
        EveryRun("test_accuracy", PREPROCESSING_ARMS),
        CompareArms(
            PREPROCESSING_ARMS, "val_accuracy", note="The claim is about the end; the beginning shows the pace."
        ),
        CompareArms(PREPROCESSING_ARMS, "train_loss"),
    ),
)
