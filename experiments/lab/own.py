"""A net of your own: one arm, several seeds, the documents' figure; no claim is judged.

python -m experiments train --widths 64,32,10 --norm batch_norm --learning-rate 0.01
"""

from dataclasses import replace

from experiments.lab.base import Experiment
from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.evidence import EveryRun, TrainingCurves
from jaxmlp.study import Arm

ARM = "own"

OWN = Experiment(
    name="own",
    question="How does this net train?",
    ledger=(),
    presets={},
    arms=lambda dataset, preset: [],
    figures=(EveryRun("test_accuracy", (ARM,)), TrainingCurves(ARM)),
)


def own_experiment(arm: Arm) -> Experiment:
    """The experiment that trains this one arm."""
    return replace(OWN, arms=lambda dataset, preset: [arm])


def parse_widths(text: str | None, dataset: Dataset) -> tuple[int, ...]:
    """Widths from "784,100,10"; None is one hidden layer of 100.

    Raises:
        InputError: not integers.
    """
    if text is None:
        return (dataset.train_images.shape[1], 100, dataset.num_classes)
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise InputError(f"widths {text!r}: give integers from inputs to classes, such as 784,100,10") from None
