"""What an experiment is: a question, arms, figures and claims, all declared before anything is trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from experiments.ledger import load_ledger
from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, check_choice
from jaxmlp.evidence import Claim, FigureSpec, Reported, at, final
from jaxmlp.study import Arm


@dataclass(frozen=True)
class Preset:
    """How large a study is."""

    seeds: int
    epochs: int
    batch_size: int
    train_size: int | None = None
    """At most so many training images; None takes all of the training part."""


@dataclass(frozen=True)
class Experiment:
    """One question to the documents."""

    name: str
    question: str
    ledger: tuple[str, ...]
    """Ids of the experiment rows (E-) it reruns."""
    presets: Mapping[str, Preset]
    """`full` is the document's own size on MNIST, `quick` runs on the digits in seconds."""
    arms: Callable[[Dataset, Preset], list[Arm]]
    claims: tuple[Claim, ...] = ()
    figures: tuple[FigureSpec, ...] = ()
    reported: tuple[Reported, ...] = ()


def choose_arms(arms: Sequence[Arm], names: Sequence[str] | None) -> list[Arm]:
    """The arms called `names`, in the experiment's order; all of them for None.

    Raises:
        InputError: a name the experiment does not have.
    """
    for name in names or ():
        check_choice("arm", name, [arm.name for arm in arms])
    return [arm for arm in arms if names is None or arm.name in names]


def reported_by(ledger_id: str, arms: Mapping[str, str]) -> tuple[Reported, ...]:
    """The numbers a ledger row prints, for our arms.

    Args:
        ledger_id: an E- row.
        arms: the row's name of an arm to ours.

    Returns:
        One `Reported` per number; a test accuracy is that of the selected model, at the end.
    """
    return tuple(
        Reported(
            ledger_id,
            arms[value.arm],
            final(value.metric)
            if value.epoch is None or value.metric == "test_accuracy"
            else at(value.metric, epoch=value.epoch),
            value.value,
            value.tag,
        )
        for value in load_ledger().experiments[ledger_id].values
        if value.arm in arms
    )


def resize(preset: Preset, *, seeds: int | None, epochs: int | None) -> Preset:
    """The preset with another number of seeds or epochs.

    Raises:
        InputError: a number below 1.
    """
    for what, given in (("seeds", seeds), ("epochs", epochs)):
        if given is not None and given < 1:
            raise InputError(f"{what} is {given}: give a positive integer")
    return replace(preset, seeds=seeds or preset.seeds, epochs=epochs or preset.epochs)
