"""What the experiments of D2 share: its settings, their names and arms, and the numbers of its figures.

D2 trains by plain SGD from N(0, 0.01²), pixels (x − 128)/255, all 60,000 images, batch 100 (A-15), 50 epochs, and tests
after every epoch (S-005). `D2Setting()` with its defaults is such a basic run.

A name is always the document's: `1_Sig_Euc_0.01_0_100` is batch size 100 with the full preset. A smaller preset scales
every batch size, so that digits get as many updates per epoch as a tenth of MNIST's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.lab import base
from experiments.lab.base import Preset, reported_by
from jaxmlp.data import Dataset
from jaxmlp.evidence import Reported, Sweep, Value
from jaxmlp.nn import MLPSpec
from jaxmlp.study import Arm
from jaxmlp.training import DataSpec, EvalSpec, Hyper, LossSpec, OptimizerSpec, RunSpec

# As its legends abbreviate them; what D2 does not have keeps its own name.
_ACTIVATIONS = {"sigmoid": "Sig", "relu": "Relu", "gelu_tanh": "Gelu", "gelu_finite_difference": "GeluFD"}
_LOSSES = {"euclidean": "Euc", "cross_entropy": "CE", "hinge": "Hinge"}
D2_ACTIVATIONS = ("sigmoid", "relu", "gelu_tanh")
D2_LOSSES = ("euclidean", "cross_entropy", "hinge")

D2_EPOCHS, BATCH_SIZE = 50, 100
_SEEDS = 20
"""The ledger's for D2."""
FULL = Preset(seeds=_SEEDS, epochs=D2_EPOCHS, batch_size=BATCH_SIZE)
# A tenth of the batch size gives the digits 144 updates per epoch (MNIST: 600).
QUICK = Preset(seeds=4, epochs=D2_EPOCHS, batch_size=BATCH_SIZE // 10)

D2_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Candidates where a rate is tuned: D2's, with a step between them."""

REMEDIES = {
    "momentum": {"optimizer": OptimizerSpec("momentum_d2", weight_decay=True, decay_biases=True)},
    "batch_norm": {"norm": "batch_norm", "norm_position": "pre_activation"},
    "residual": {"residual": "block"},
    "dropout": {"dropout": "inverted"},
}
"""What D2 names as missing (C-221); momentum 0.9, batch norm before the activation, D1's block, a fifth dropped."""


@dataclass(frozen=True)
class D2Setting:
    """One setting of D2, or one beside it; the defaults are those of its basic runs."""

    hidden: int
    """Hidden layers of 100 units (S-114)."""
    activation: str
    loss: str
    rate: float = 0.01
    decay: float = 0.0
    batch: int = BATCH_SIZE
    epochs: int = D2_EPOCHS
    """In the full preset's; others scale them."""
    margin: float = 5.0
    """Δ of the hinge losses (S-062)."""
    remedy: str = ""
    """A key of `REMEDIES`."""
    held_out: bool = False
    """A fifth of the training images validates, and the test set is read once: for what is tuned."""
    log: bool = False
    """Log every 50 steps (S-097)."""

    @property
    def hyper(self) -> Hyper:
        """Its numbers."""
        return Hyper(
            learning_rate=self.rate,
            weight_decay=self.decay,
            margin=self.margin,
            init_gain=0.01,
            dropout_rate=0.2,
            momentum=0.9,
        )

    @property
    def name(self) -> str:
        """D2's name of the curve, and what D2 does not have after it."""
        further = [self.remedy] if self.remedy else []
        further += [f"margin_{self.margin:g}"] if self.margin != 5.0 else []
        further += [f"{self.epochs}_epochs"] if self.epochs != D2_EPOCHS else []
        further += ["tuning"] if self.held_out else []
        return "_".join([d2_name(self.spec(784, 10, FULL), self.hyper), *further])

    def spec(self, inputs: int, classes: int, preset: Preset) -> RunSpec:
        """Its structure, sized by the preset."""
        remedy = dict(REMEDIES[self.remedy]) if self.remedy else {}
        optimizer = remedy.pop("optimizer", OptimizerSpec("sgd", weight_decay=True, decay_biases=True))
        widths = (inputs, *[100] * self.hidden, classes)
        batch_size = max(1, self.batch * preset.batch_size // BATCH_SIZE)
        log_every = 50 if self.log else None
        return RunSpec(
            MLPSpec(widths, activation=self.activation, initializer="normal", **remedy),
            data=DataSpec(
                "random_fifth" if self.held_out else "none", "shifted", batch_size, train_size=preset.train_size
            ),
            loss=LossSpec(self.loss),
            optimizer=optimizer,
            evaluation=EvalSpec("last", train_subset=10_000, log_every=log_every, test_every_epoch=not self.held_out),
            epochs=max(1, self.epochs * preset.epochs // D2_EPOCHS),
        )

    def arm(self, dataset: Dataset, preset: Preset) -> Arm:
        """Its arm on a dataset."""
        return Arm(self.name, self.spec(dataset.train_inputs.shape[1], dataset.num_classes, preset), self.hyper)


def d2_name(spec: RunSpec, hyper: Hyper) -> str:
    """D2's name of a curve, `{hidden}_{act}_{loss}_{lr}_{wd}_{bs}`: `1_Sig_Euc_0.01_0_100` (S-098, E-020).

    `hidden` counts hidden layers; a net without any has its activation in the name all the same. The weight decay is 0
    where the optimizer does not decay. `GeluFD` is GELU with D2's difference quotient, `Gelu` with its true derivative.
    """
    activation = _ACTIVATIONS.get(spec.mlp.activation, spec.mlp.activation)
    loss = _LOSSES.get(spec.loss.name, spec.loss.name)
    decay = hyper.weight_decay if spec.optimizer.decays else 0.0
    numbers = f"{hyper.learning_rate:g}_{decay:g}_{spec.data.batch_size}"
    return f"{spec.mlp.num_layers - 1}_{activation}_{loss}_{numbers}"


def arms_of(settings: Sequence[D2Setting], dataset: Dataset, preset: Preset) -> list[Arm]:
    """The arms of settings, each once."""
    return [setting.arm(dataset, preset) for setting in dict.fromkeys(settings)]


# The 51 settings of the report, by the ledger's experiments; E-030 has one of E-022 again.
NO_HIDDEN = {loss: D2Setting(0, "sigmoid", loss) for loss in D2_LOSSES}
CELLS = {(h, a, loss): D2Setting(h, a, loss) for h in (1, 2) for a in D2_ACTIVATIONS for loss in D2_LOSSES}
DECADES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
D2_BATCHES = (10, 20, 50, 100, 200)
EUCLIDEAN_RATES = {rate: D2Setting(1, "sigmoid", "euclidean", rate=rate, decay=1e-5) for rate in DECADES}
CROSS_ENTROPY_RATES = {rate: D2Setting(2, "sigmoid", "cross_entropy", rate=rate, decay=1e-5) for rate in DECADES}
HINGE_DECAYS = {decay: D2Setting(2, "gelu_tanh", "hinge", decay=decay) for decay in DECADES}
CROSS_ENTROPY_DECAYS = {decay: D2Setting(2, "sigmoid", "cross_entropy", rate=1.0, decay=decay) for decay in DECADES}
ZOOMED = (10, 200)
"""The batch sizes of figure 13, whose steps are logged (E-032)."""
EUCLIDEAN_BATCHES = {b: D2Setting(1, "sigmoid", "euclidean", batch=b, log=b in ZOOMED) for b in D2_BATCHES}
CROSS_ENTROPY_BATCHES = {
    b: D2Setting(2, "sigmoid", "cross_entropy", rate=1.0, batch=b, log=b in ZOOMED) for b in D2_BATCHES
}
D2_SETTINGS = (
    *NO_HIDDEN.values(),
    *CELLS.values(),
    *EUCLIDEAN_RATES.values(),
    *CROSS_ENTROPY_RATES.values(),
    *HINGE_DECAYS.values(),
    *CROSS_ENTROPY_DECAYS.values(),
    *EUCLIDEAN_BATCHES.values(),
    *CROSS_ENTROPY_BATCHES.values(),
)

# The ledger's names of activations, for its names of arms.
_LEDGER_NAMES = {"gelu_tanh": "gelu"}
CELL_NAMES = {
    f"{h}_{_LEDGER_NAMES.get(activation, activation)}_{loss}": setting.name
    for (h, activation, loss), setting in CELLS.items()
} | {f"0_{loss}": setting.name for loss, setting in NO_HIDDEN.items()}


def swept_names(axis: str, settings: Mapping[Any, D2Setting]) -> dict[str, str]:
    """The ledger's names of a sweep's arms, such as `learning_rate=1e-4`, to ours."""
    texts = {1e-4: "1e-4", 1e-3: "1e-3", 1e-2: "1e-2"}
    return {f"{axis}={texts.get(value, f'{value:g}')}": setting.name for value, setting in settings.items()}


def d2_reported(ledger_id: str, arms: Mapping[str, str]) -> tuple[Reported, ...]:
    """The numbers of D2's figures for our arms, but for training accuracies: D2's are means over the last 50 batches of
    an epoch, while they train, and ours evaluate 10,000 images after it: two measures.
    """
    numbers = reported_by(ledger_id, arms, last=D2_EPOCHS)
    return tuple(one for one in numbers if one.measure.column != "train_accuracy")


def d2_tested(setting: D2Setting | str) -> Value:
    """Its test accuracy after the last epoch."""
    return base.tested(setting if isinstance(setting, str) else setting.name)


def tuning(setting: D2Setting, rates: Sequence[float] = D2_RATES) -> tuple[D2Setting, ...]:
    """The candidates where a setting's rate is tuned."""
    return tuple(replace(setting, rate=rate, held_out=True) for rate in rates)


def sweep_line(label: str, settings: Mapping[Any, D2Setting]) -> Sweep:
    """A line of a figure over a setting, from the setting's values to arms."""
    return Sweep(label, tuple((float(value), setting.name) for value, setting in settings.items()))


def names_of(settings: Sequence[D2Setting]) -> tuple[str, ...]:
    """Their names."""
    return tuple(setting.name for setting in settings)


# D2's 27 combinations of depth, activation and loss are 21 nets: without a hidden layer there is no activation.
# In 10 epochs each, one map of rates serves every question about best rates over all of them.
MAPPED = {setting: tuning(replace(setting, epochs=10)) for setting in (*NO_HIDDEN.values(), *CELLS.values())}


def best_name(setting: D2Setting) -> str:
    """The tuned arm of a net of the map, such as `1_Sig_CE_best_rate`."""
    return f"{'_'.join(setting.name.split('_')[:3])}_best_rate"


BEST = {best_name(setting): names_of(candidates) for setting, candidates in MAPPED.items()}
