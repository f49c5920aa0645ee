"""What an experiment is: a question, arms, figures and claims, all declared before anything is trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from experiments.lab.ledger import LedgerValue, load_ledger
from experiments.lab.measured import Measurement
from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, check_choice
from jaxmlp.evidence import Claim, FigureSpec, Measure, Predicted, Reported, Value, at, best_epoch, final, largest_drop
from jaxmlp.evidence.claims import SEED_BLOCK
from jaxmlp.probes import Probe
from jaxmlp.study import Arm

FRESH = SEED_BLOCK
"""The first of the fresh seeds: of rules that were declared anew after results had been seen."""
SEED_NOISE = "Seeds of such nets have a standard deviation of 0.10 to 0.15 points: 0.3 is what one run each shows."
"""Why a margin is 0.3 points."""
GAIN = "accuracy_gain"
"""The ledger's metric for test accuracy above that of another net."""


@dataclass(frozen=True)
class Preset:
    """How large a study is."""

    seeds: int | Mapping[str, int]
    """Of every arm, or by arm's name: a net that costs minutes an epoch may have fewer."""
    epochs: int
    batch_size: int
    train_size: int | None = None
    """At most so many training images; None takes all of the training part."""
    max_width: int | None = None
    """No hidden layer is wider; None leaves a document's widths as they are."""
    keep_every: int = 1
    """Keep every so many hidden layers of a document's deep nets; 1 keeps all."""
    first_seed: int = 0
    """Seeds count from here: `FRESH` for rules that were declared anew."""

    def seeds_of(self, arms: Iterable[Arm]) -> dict[str, int]:
        """How many seeds each of these arms has, by its name."""
        return {arm.name: self.seeds if isinstance(self.seeds, int) else self.seeds[arm.name] for arm in arms}

    def runs_of(self, arms: Iterable[Arm]) -> dict[str, range]:
        """The seeds of each of these arms, by its name."""
        return {name: range(self.first_seed, self.first_seed + n) for name, n in self.seeds_of(arms).items()}


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
    predicted: tuple[Predicted, ...] = ()
    """Numbers that laws give, held against what is measured."""
    dataset: Callable[[], Dataset] | None = None
    """Its own data, whatever `--dataset` names; None trains on that."""
    tuned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further arms of the results, for claims and figures: each takes the best of some arms (see `with_tuned`)."""
    averaged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """And each of these is the mean of some arms, trained or tuned (see `with_averaged`)."""
    probes: tuple[Probe, ...] = ()
    """What watches its runs: further tables of the results."""
    measured: Measurement | None = None
    """What is measured after training: further tables of the results."""
    demo_arm: str | None = None
    """Keep this arm's nets, and show ten test images with the classes that its first one predicts (S-102)."""


def tested(arm: str) -> Value:
    """Test accuracy of each run's selected model."""
    return Value(arm, final("test_accuracy"))


def choose_arms(arms: Sequence[Arm], names: Sequence[str] | None) -> list[Arm]:
    """The arms called `names`, in the experiment's order; all of them for None.

    Raises:
        InputError: a name the experiment does not have.
    """
    for name in names or ():
        check_choice("arm", name, [arm.name for arm in arms])
    return [arm for arm in arms if names is None or arm.name in names]


def reported_by(
    ledger_id: str, arms: Mapping[str, str], *, baseline: str | None = None, last: int | None = None
) -> tuple[Reported, ...]:
    """The numbers a ledger row prints, for our arms.

    Args:
        ledger_id: an E- row.
        arms: the row's name of an arm to ours.
        baseline: our arm that the row's gains are gains on.
        last: the last epoch, of a document that tests after every one.

    Returns:
        One `Reported` per number; without `last` a test accuracy is that of the selected model, at the end. Seconds
        are left out: runs that train side by side have no time of their own.
    """
    return tuple(
        Reported(
            ledger_id,
            arms[value.arm],
            _measure_of(value, last),
            value.value,
            value.tag,
            baseline if value.metric == GAIN else None,
        )
        for value in load_ledger().experiments[ledger_id].values
        if value.arm in arms and value.metric != "seconds"
    )


SHAPES = {"val_accuracy_drop": largest_drop("val_accuracy"), "val_accuracy_peak": best_epoch("val_accuracy")}
"""What the ledger's metrics that are no column stand for."""


def _measure_of(value: LedgerValue, last: int | None) -> Measure:
    if value.metric == GAIN:
        return final("test_accuracy")
    if value.metric in SHAPES:
        return SHAPES[value.metric]
    if value.epoch is None or value.epoch == last or (last is None and value.metric == "test_accuracy"):
        return final(value.metric)
    return at(value.metric, epoch=value.epoch)


def resize(preset: Preset, *, seeds: int | None, epochs: int | None, first_seed: int = 0) -> Preset:
    """The preset with another number of seeds, the same for every arm, or of epochs, and with another first seed.

    Raises:
        InputError: a number below 1.
    """
    for what, given in (("seeds", seeds), ("epochs", epochs)):
        if given is not None and given < 1:
            raise InputError(f"{what} is {given}: give a positive integer")
    return replace(preset, seeds=seeds or preset.seeds, epochs=epochs or preset.epochs, first_seed=first_seed)
