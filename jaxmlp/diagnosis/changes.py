"""What may be changed about a net that does not train, one thing at a time.

A change is a row of `CHANGES`: what it touches, what it does in words, and a function from a setting to the changed
setting, or to None where it does not apply. `CHANGES.register` adds a user's. Trials take them all, the suggested ones
first; see `jaxmlp.diagnosis.inquiry`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from jaxmlp.components import Components
from jaxmlp.data import Dataset
from jaxmlp.diagnosis.bar import class_shares
from jaxmlp.diagnosis.outcomes import check_setting
from jaxmlp.diagnosis.reference import fitting_loss, fitting_preprocessing
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.errors import InputError
from jaxmlp.nn.activations import MAXOUTS

WIDE = 64
"""A layer of so many units is no bottleneck for the small tables and images that are diagnosed."""
FEW_OF_A_CLASS = 20
"""Rows of the rarest class below which a random split may leave too few of it in a part."""
USUAL_RATES = {
    "sgd": 0.1,
    "momentum": 0.01,
    "momentum_d2": 0.01,
    "nesterov": 0.01,
    "adagrad": 0.01,
    "rmsprop": 0.001,
    "adam": 0.001,
    "adam_nobc": 0.001,
    "adamw": 0.001,
}
"""What each rule is mostly used with."""
FAR = 5.0
"""Times more or less than the usual rate."""
UNEVEN = 2.0
"""Times as many rows of the commonest class as of the rarest, from which on weights of classes may matter."""


class Change(NamedTuple):
    """One thing to do differently.

    >>> from jaxmlp import data, diagnosis, nn, training
    >>> given = diagnosis.Setting(training.RunSpec(nn.MLPSpec((64, 30, 10), activation="sigmoid")))
    >>> changed = diagnosis.CHANGES["relu"].apply(given, data.load("digits"))
    >>> changed.spec.mlp.activation
    'relu'
    """

    touches: str
    """What it alters: two changes that touch one thing remove one cause."""
    sentence: str
    """What to do, as an imperative without a full stop."""
    apply: Callable[[Setting, Dataset], Setting | None]
    """The changed setting; None where the change does not apply, or changes nothing."""


def _number(name: str, factor: float) -> Callable[[Setting, Dataset], Setting | None]:
    return lambda given, _: given.with_numbers(**{name: _times(factor, float(getattr(given.hyper, name)))})


def _times(factor: float, value: float) -> float:
    """The product of the numbers as they are written: 0.1 times 0.003 is 0.0003, and not 0.00030000000000000003."""
    return float(Decimal(repr(factor)) * Decimal(repr(value)))


def _fitting_loss(given: Setting, dataset: Dataset) -> Setting | None:
    """One output for two classes has a loss of its own."""
    shared = dataset.task == "classes" and given.spec.mlp.widths[-1] == 1
    name = "binary_cross_entropy" if shared else fitting_loss(dataset)
    return None if given.spec.loss.name == name else given.with_part("loss", name=name)


def _no_output_activation(given: Setting, _: Dataset) -> Setting | None:
    return None if given.spec.mlp.output == "none" else given.with_part("mlp", output="none")


def _scaled_targets(given: Setting, dataset: Dataset) -> Setting | None:
    numbers = dataset.task == "numbers" and not given.scaled_targets
    return replace(given, scaled_targets=True) if numbers else None


def _class_weights(given: Setting, dataset: Dataset) -> Setting | None:
    if dataset.task != "classes" or given.spec.loss.class_weights != "none":
        return None
    shares = class_shares(dataset)
    if shares.max() <= UNEVEN * shares[shares > 0].min():
        return None
    return given.with_part("loss", class_weights="balanced")


def _stratified(given: Setting, dataset: Dataset) -> Setting | None:
    """Where classes may be missing from a part: in the order as it is, or of a rare one."""
    if dataset.task != "classes" or given.spec.data.split not in ("last_tenth", "random_fifth"):
        return None
    rarest = class_shares(dataset).min() * len(dataset.train_targets)
    if given.spec.data.split == "random_fifth" and rarest >= FEW_OF_A_CLASS:
        return None
    return given.with_part("data", split="stratified_fifth")


def _usual_rate(given: Setting, _: Dataset) -> Setting | None:
    """However far the rate is from it; nearer, ten times more or less is the finer question."""
    usual = USUAL_RATES.get(given.spec.optimizer.name)
    if usual is None or 1 / FAR < given.learning_rate / usual < FAR:
        return None
    return given.with_numbers(learning_rate=usual)


def _longer(given: Setting, _: Dataset) -> Setting:
    return given.with_spec(epochs=4 * given.spec.epochs)


def _optimizer(name: str, rate: float, **numbers: float) -> Callable[[Setting, Dataset], Setting | None]:
    """Another rule at its usual rate: a rate means something else to every rule."""

    def apply(given: Setting, _: Dataset) -> Setting | None:
        if given.spec.optimizer.name == name:
            return None
        spec = given.spec.optimizer
        decay = spec.weight_decay and name != "adamw"
        changed = given.with_part("optimizer", name=name, weight_decay=decay, decay_biases=decay and spec.decay_biases)
        return changed.with_numbers(learning_rate=rate, **numbers)

    return apply


def _initializer(name: str) -> Callable[[Setting, Dataset], Setting | None]:
    """The gain belongs to the start that it scales: another start takes its own."""

    def apply(given: Setting, _: Dataset) -> Setting | None:
        changed = given.with_part("mlp", initializer=name).with_numbers(init_gain=1.0)
        return None if changed == given else changed

    return apply


def _gain(factor: float) -> Callable[[Setting, Dataset], Setting | None]:
    def apply(given: Setting, _: Dataset) -> Setting | None:
        return None if given.spec.mlp.initializer == "zeros" else _number("init_gain", factor)(given, _)

    return apply


def _norm(name: str) -> Callable[[Setting, Dataset], Setting | None]:
    def apply(given: Setting, _: Dataset) -> Setting | None:
        if given.spec.mlp.norm == name or given.spec.data.batch_size == 1 or len(given.spec.mlp.widths) < 3:
            return None
        return given.with_part("mlp", norm=name)

    return apply


def _activation(name: str) -> Callable[[Setting, Dataset], Setting | None]:
    def apply(given: Setting, _: Dataset) -> Setting | None:
        mlp = given.spec.mlp
        if mlp.activation == name or mlp.activation in MAXOUTS or len(mlp.widths) < 3:
            return None
        return given.with_part("mlp", activation=name)

    return apply


def _residual(given: Setting, _: Dataset) -> Setting | None:
    mlp = given.spec.mlp
    if mlp.residual != "none" or len(mlp.widths) < 6:
        return None
    return given.with_part("mlp", residual="block")


def _scaled_inputs(given: Setting, dataset: Dataset) -> Setting | None:
    """Every column to mean 0 and variance 1, unless a whitening has done more already."""
    now, name = given.spec.data.preprocessing, fitting_preprocessing(dataset)
    return None if now == name or "whiten" in now else given.with_part("data", preprocessing=name)


def _batch(factor: float) -> Callable[[Setting, Dataset], Setting | None]:
    def apply(given: Setting, dataset: Dataset) -> Setting | None:
        spec = given.spec.data
        size = int(spec.batch_size * factor)
        try:
            changed = given.with_part("data", batch_size=size)
            changed.spec.data.num_train(dataset.train_inputs.shape[0])
        except InputError:
            return None
        return None if size < 2 else changed

    return apply


def _shuffled(given: Setting, _: Dataset) -> Setting | None:
    return None if given.spec.data.shuffle else given.with_part("data", shuffle=True)


def _unregularized(given: Setting, _: Dataset) -> Setting | None:
    changed = given.with_part("mlp", dropout="none").with_part("loss", penalty="none")
    name = "adam" if given.spec.optimizer.name == "adamw" else given.spec.optimizer.name
    changed = changed.with_part("optimizer", name=name, weight_decay=False, decay_biases=False)
    return None if changed == given else changed


def _widened(given: Setting, _: Dataset) -> Setting | None:
    first, *hidden, last = given.spec.mlp.widths
    wide = (first, *(max(WIDE, width) for width in hidden), last)
    return None if wide == given.spec.mlp.widths else given.with_part("mlp", widths=wide)


def _shallower(given: Setting, _: Dataset) -> Setting | None:
    """Half of the hidden layers, the first ones of each pair."""
    first, *hidden, last = given.spec.mlp.widths
    if len(hidden) < 2:
        return None
    kept = hidden[::2]
    mlp = given.spec.mlp
    residual = mlp.residual if len(kept) >= 2 else "none"
    return given.with_part("mlp", widths=(first, *kept, last), residual=residual)


def _clipped(given: Setting, _: Dataset) -> Setting | None:
    return None if given.spec.optimizer.clip else given.with_part("optimizer", clip=True)


def _steadier_statistics(given: Setting, _: Dataset) -> Setting | None:
    if given.spec.mlp.norm != "batch_norm" or float(given.hyper.norm_momentum) <= 0.01:
        return None
    return given.with_numbers(norm_momentum=0.01)


CHANGES: Components[Change] = Components(
    "change",
    Change,
    {
        "rate_x10": Change("learning rate", "raise the learning rate tenfold", _number("learning_rate", 10)),
        "rate_x100": Change("learning rate", "raise the learning rate a hundredfold", _number("learning_rate", 100)),
        "usual_rate": Change("learning rate", "use the optimizer's usual learning rate", _usual_rate),
        "rate_/10": Change("learning rate", "divide the learning rate by 10", _number("learning_rate", 0.1)),
        "rate_/100": Change("learning rate", "divide the learning rate by 100", _number("learning_rate", 0.01)),
        "smaller_start": Change("start", "start from weights ten times smaller", _gain(0.1)),
        "larger_start": Change("start", "start from weights three times larger", _gain(3)),
        "he": Change("start", "start from He's weights", _initializer("he_normal")),
        "glorot": Change("start", "start from Glorot's weights", _initializer("xavier_uniform")),
        "relu": Change("activation", "use ReLU", _activation("relu")),
        "tanh": Change("activation", "use tanh", _activation("tanh")),
        "leaky_relu": Change("activation", "use leaky ReLU", _activation("leaky_relu")),
        "batch_norm": Change("normalization", "add batch norm", _norm("batch_norm")),
        "layer_norm": Change("normalization", "add layer norm", _norm("layer_norm")),
        "residual": Change("skips", "add skip connections", _residual),
        "scaled_inputs": Change("scale of the inputs", "standardize the inputs", _scaled_inputs),
        "adam": Change("optimizer", "use Adam at its usual rate, 0.001", _optimizer("adam", 1e-3)),
        "momentum": Change(
            "optimizer", "use SGD with momentum 0.9 at rate 0.01", _optimizer("momentum", 1e-2, momentum=0.9)
        ),
        "fitting_loss": Change(
            "loss", "use the loss that fits: cross-entropy of classes, squared error of numbers", _fitting_loss
        ),
        "no_output_activation": Change(
            "output", "take the activation at the output away: the loss takes it in", _no_output_activation
        ),
        "scaled_targets": Change("scale of the targets", "standardize the numbers to predict", _scaled_targets),
        "class_weights": Change("class weights", "let every class count alike in the loss", _class_weights),
        "stratified": Change("split", "give every class its share in both parts", _stratified),
        "longer": Change("number of epochs", "train four times as long", _longer),
        "clip": Change("gradient norm", "clip the gradient to norm 1", _clipped),
        "smaller_batch": Change("batch size", "use a quarter of the batch size", _batch(0.25)),
        "larger_batch": Change("batch size", "use four times the batch size", _batch(4)),
        "shuffle": Change("order of the data", "shuffle the data in every epoch", _shuffled),
        "unregularized": Change("regularization", "turn dropout, penalty and weight decay off", _unregularized),
        "wider": Change("width", f"give every hidden layer at least {WIDE} units", _widened),
        "shallower": Change("depth", "halve the number of hidden layers", _shallower),
        "steady_statistics": Change(
            "running statistics", "let the running statistics move by 0.01 a step", _steadier_statistics
        ),
    },
)
"""Every change that is tried, the library's own and what `CHANGES.register` adds."""


def applicable(given: Setting, dataset: Dataset, names: Iterable[str] = CHANGES) -> dict[str, Setting]:
    """Make each named change to a setting; returns, by name, the settings of the changes that apply.

    A change that makes a setting which its own spec refuses, or which cannot be trained on these data, does not apply.

    >>> from jaxmlp import data, nn, training
    >>> given = Setting(training.RunSpec(nn.MLPSpec((64, 30, 10), activation="sigmoid")))
    >>> sorted(applicable(given, data.load("digits"), ["relu", "scaled_targets"]))  # targets are classes, not numbers
    ['relu']
    """
    changed = {name: changed_by(name, given, dataset) for name in names}
    return {name: setting for name, setting in changed.items() if setting is not None}


def changed_by(name: str, given: Setting, dataset: Dataset) -> Setting | None:
    """The setting after one change; None where it does not apply."""
    try:
        changed = CHANGES[name].apply(given, dataset)
        if changed is None or changed == given:
            return None
        check_setting(changed, dataset)
    except InputError:
        return None
    return changed
