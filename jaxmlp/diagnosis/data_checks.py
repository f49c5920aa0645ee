"""Checks of the data as a run takes them: scale, labels, parts, order; and whether output and loss fit them."""

import math

import numpy as np

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.finding import Finding, Limits, judged
from jaxmlp.nn import LOSSES
from jaxmlp.nn.outputs import softmaxed_loss_floor
from jaxmlp.training import RunSpec

OWN_SOFTMAX = ("cross_entropy", "label_smoothed_cross_entropy", "kl_divergence", "kl_divergence_mean", "softmax_hinge")
"""Losses of classes with a softmax inside."""
BALANCE_LIMITS = Limits(warn=0.8, fail=1.0)
"""Of the share of the largest class. Four to one is learned by healthy nets; beyond it the accuracy of one that
learned nothing looks good. It never fails: a share above 1 there is not."""
SIZE_LIMITS = Limits(warn=10.0, fail=1000.0)
"""Of the root mean square of inputs, or of targets. Standardized ones have 1, pixels in [0, 1] less. Pixels up to 255
have about 80 and train at small rates alone (Q5); from a thousand on, squared error and its gradients are millions."""
RANGE_LIMITS = Limits(warn=0.0, fail=0.01)
"""Of the share of targets that the output's range does not hold. One can be a slip of the data; of one in a hundred
the loss keeps its least value away from 0 whatever the net does."""
RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}
"""Of the outputs that have one."""
FEW_CHANGES = 0.5
"""An order whose label changes from row to row so many times less often than a random one is sorted."""


def inputs_scale(x: np.ndarray) -> Finding:
    """Whether inputs, as the first linear takes them, have numbers of about 1.

    Args:
        x: preprocessed rows, [M, I].
    """
    size = float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))
    largest = float(np.abs(x).max())
    sentence = f"inputs have root mean square {size:.3g}, the largest is {largest:.3g}; about 1 is usual"
    advice = "standardize the inputs: --preprocessing standardize, or unit for images of 0 to 255"
    if size < 1e-3:
        return Finding("fail" if size == 0 else "warn", "inputs", size, sentence, advice)
    return judged("inputs", size, sentence, advice, SIZE_LIMITS)


def targets_scale(targets: np.ndarray) -> Finding:
    """Whether targets of numbers are of about 1: the loss grows with their square, and so do its gradients.

    Args:
        targets: [M] or [M, T].
    """
    size = float(np.sqrt(np.mean(np.square(targets, dtype=np.float64))))
    spread = float(np.std(targets.astype(np.float64), axis=0).min())
    sentence = f"targets have root mean square {size:.3g} and standard deviation {spread:.3g}; about 1 is usual"
    advice = "standardize the targets, and scale predictions back"
    if spread == 0.0:
        return Finding("fail", "targets", spread, f"{sentence}: they are all one number", "there is nothing to learn")
    return judged("targets", size, sentence, advice, SIZE_LIMITS)


def labels_seen(train: np.ndarray, others: dict[str, np.ndarray], dataset: Dataset) -> list[Finding]:
    """Whether every class is in every part, and none is nearly all of the training part.

    Args:
        train: labels of the run's training part.
        others: labels of the other parts, by name; a part may be empty.
        dataset: names the classes.
    """
    counts = np.bincount(train, minlength=dataset.num_classes)
    parts = {"training": train} | {name: labels for name, labels in others.items() if len(labels)}
    absent = {name: sorted(set(range(dataset.num_classes)) - set(labels.tolist())) for name, labels in parts.items()}
    missing = {name: classes for name, classes in absent.items() if classes}
    number = float(sum(map(len, missing.values())))
    found = Finding("pass", "classes", number, f"all {dataset.num_classes} classes are in every part")
    if missing:
        told = "; ".join(f"{name} part without {_named(classes, dataset)}" for name, classes in missing.items())
        level = "fail" if "training" in missing else "warn"
        found = Finding(level, "classes", number, told, "split by class: --holdout stratified, or another --split")
    share = float(counts.max() / counts.sum())
    sentence = f"the largest class is {share:.0%} of the training part: accuracy {share:.2f} says nothing was learned"
    advice = "look at every class by itself, or weigh them: --class-weights balanced"
    return [found, judged("balance", share, sentence, advice, BALANCE_LIMITS)]


def _named(classes: list[int], dataset: Dataset) -> str:
    names = [dataset.class_names[one] if dataset.class_names else str(one) for one in classes[:5]]
    return f"class {', '.join(names)}{' and more' if len(classes) > 5 else ''}"


def order_of_rows(labels: np.ndarray, spec: RunSpec) -> Finding:
    """Whether batches are mixed: rows sorted by class and never shuffled make every batch one class.

    Args:
        labels: of the training part, in the order of an unshuffled epoch.
        spec: says whether it is shuffled.
    """
    shares = np.bincount(labels) / len(labels)
    expected = (1 - np.square(shares).sum()) * (len(labels) - 1)
    ratio = float(np.count_nonzero(np.diff(labels)) / max(expected, 1.0))
    if spec.data.shuffle:
        return Finding("pass", "order", ratio, "every epoch has a new order")
    sentence = f"rows are not shuffled, and their label changes {ratio:.2f} times as often as in a random order"
    level = "fail" if ratio < FEW_CHANGES else "pass"
    return Finding(level, "order", ratio, sentence, "shuffle them: --shuffle" if level == "fail" else "")


def output_fits(spec: RunSpec, labels: np.ndarray) -> Finding:
    """Whether the output's range has what the loss asks of it.

    Args:
        spec: of the run.
        labels: of the training part: classes or numbers.
    """
    output, loss, width = spec.mlp.output, spec.loss.name, spec.mlp.widths[-1]
    if output == "none":
        return Finding("pass", "output", 0.0, f"the last linear's numbers go to {loss} as they are")
    if output == "softmax" and width == 1:
        return _unfit(1.0, "a softmax of one output is always 1", "leave the output at none, or give it a unit a class")
    if LOSSES[loss].task == "numbers":
        return _in_range(output, labels)
    if loss in OWN_SOFTMAX:
        floor = softmaxed_loss_floor(width)
        said = f"{loss} has a softmax of its own: behind {output} "
        said += f"it cannot fall below {floor:.2f}" if output in ("softmax", "sigmoid") else "it sees no free logits"
        return _unfit(floor, said, "leave the output at none: the loss takes logits")
    if loss == "binary_cross_entropy":
        floor = math.log1p(math.exp(-1.0))
        return _unfit(
            floor, f"{loss} has a sigmoid of its own before which {output} stands", "leave the output at none"
        )
    return Finding("pass", "output", 0.0, f"{loss} of what {output} gives")


def _unfit(number: float, sentence: str, advice: str) -> Finding:
    return Finding("fail", "output", number, sentence, advice)


def _in_range(output: str, targets: np.ndarray) -> Finding:
    low, high = RANGES[output]
    share = float(np.mean((targets < low) | (targets > high)))
    sentence = f"{share:.0%} of the targets lie outside of what {output} can give, {low:g} to {high:g}"
    return judged("output", share, sentence, "leave the output at none, or scale the targets", RANGE_LIMITS)
