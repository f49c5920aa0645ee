"""What does it cost in accuracy to take the products of linear layers in bfloat16?

    python -m experiments run precision --dataset mnist --data-dir DIR --preset full

The nets (d), (e) and (f) of the speed benchmark, trained from the same starts on the same batches in both precisions:
products of bfloat16 factors, summed and kept in float32, against float32 throughout. What bfloat16 gains in time, the
benchmark measures; docs/benchmarks.md says what it costs here.
"""

from dataclasses import replace

from experiments.benchmarks.speed.workloads import WORKLOADS
from experiments.lab.base import Experiment, Preset
from jaxmlp.data import Dataset
from jaxmlp.evidence import CompareArms, EveryRun
from jaxmlp.study import Arm

_NETS = {"d4": "d", "bn_22": "e", "bn_41": "f"}
"""D4's net, and D0's of 22 and 41 layers with batch norm: to the benchmark's letters."""
_TITLES = {"d4": "784-300-150-10 + BN, momentum", "bn_22": "22 layers + BN, Adam", "bn_41": "41 layers + BN, Adam"}
_PRECISIONS = ("float32", "bfloat16")
PRECISION_PAIRS = {title: (f"{net}_float32", f"{net}_bfloat16") for net, title in _TITLES.items()}
"""The two arms of every net, by its title."""


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """Every net in either precision."""
    return [_arm(net, precision, dataset, preset) for net in _NETS for precision in _PRECISIONS]


def _arm(net: str, precision: str, dataset: Dataset, preset: Preset) -> Arm:
    workload = WORKLOADS[_NETS[net]]
    spec = workload.spec(precision)
    hidden = [min(width, preset.max_width or width) for width in spec.mlp.widths[1 : -1 : preset.keep_every]]
    mlp = replace(spec.mlp, widths=(dataset.train_inputs.shape[1], *hidden, dataset.num_classes))
    batch_size = min(spec.data.batch_size, preset.batch_size)
    spec = replace(spec, mlp=mlp, data=replace(spec.data, batch_size=batch_size), epochs=preset.epochs)
    return Arm(f"{net}_{precision}", spec, workload.hyper)


PRECISION_ARMS = tuple(f"{net}_{precision}" for net in _NETS for precision in _PRECISIONS)

PRECISION_EXPERIMENT = Experiment(
    name="precision",
    question="What does it cost in accuracy to take the products of linear layers in bfloat16?",
    ledger=(),
    presets={
        # As small as those of `depth`.
        "quick": Preset(seeds=3, epochs=10, batch_size=16, max_width=64, keep_every=3),
        # Few epochs: two cores are slow with 41 layers.
        "full": Preset(seeds=5, epochs=3, batch_size=100),
    },
    arms=_arms,
    figures=(EveryRun("test_accuracy", PRECISION_ARMS), CompareArms(PRECISION_ARMS, "train_loss")),
)
