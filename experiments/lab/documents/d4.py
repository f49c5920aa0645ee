"""What the experiments of D4 share: its program, faults included, with each of its peculiarities on or off.

784-300-150-10 without biases (S-116), batch norm before the ReLU (S-029), momentum, batch 100, 10 epochs, the first
54,000 images and the last 6,000. The last model is tested, as in D4.

Thresholds: where D4 prints an effect, a claim of it asks for more than half of what is printed.
"""

from dataclasses import dataclass

from experiments.lab.base import Preset
from jaxmlp.data import Dataset
from jaxmlp.nn import MLPSpec
from jaxmlp.training import DataSpec, EvalSpec, Hyper, OptimizerSpec, RunSpec, ScheduleSpec

D4_HIDDEN = (300, 150)
# S-029 and S-077; the running variance starts at 0.
D4_HYPER = Hyper(learning_rate=1e-2, momentum=0.9, norm_eps=1e-3, running_var_start=0.0)


@dataclass(frozen=True)
class D4Program:
    """What may be changed about D4's program; the defaults have its faults mended and keep what is a choice."""

    shuffle: bool = True
    backward: str = "manual"
    validation: str = "running"
    preprocessing: str = "global_mean"
    schedule: str = "step_decay_d4"
    bias: bool = False


FAULTS = {"shuffle": False, "backward": "d4_shipped", "validation": "d4_shipped"}
AS_SHIPPED, CORRECTED = D4Program(**FAULTS), D4Program()


def d4_spec(
    dataset: Dataset,
    preset: Preset,
    program: D4Program,
    hidden: tuple[int, ...] = D4_HIDDEN,
    *,
    optimizer: str = "momentum",
    batch_size: int | None = None,
) -> RunSpec:
    """A net of D4 under this program; the batch size is the preset's unless given."""
    widths = (dataset.train_inputs.shape[1], *hidden, dataset.num_classes)
    batch_size = batch_size or preset.batch_size
    return RunSpec(
        MLPSpec(widths, norm="batch_norm", norm_position="pre_activation", bias=program.bias),
        data=DataSpec("last_tenth", program.preprocessing, batch_size, program.shuffle, preset.train_size),
        optimizer=OptimizerSpec(optimizer),
        schedule=ScheduleSpec(program.schedule),
        evaluation=EvalSpec("last", validation=program.validation),
        epochs=preset.epochs,
        backward=program.backward,
    )
