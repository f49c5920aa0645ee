"""What a study is asked to do: arms and seeds, as runs with names that never change."""

import hashlib
import json
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from jaxmlp.data import Dataset, check_dataset, check_preprocessing, split_named
from jaxmlp.errors import MOST, InputError, shown
from jaxmlp.identity import canonical, neutral_values
from jaxmlp.nn import count_parameters
from jaxmlp.schema import IDENTITY
from jaxmlp.study.sizes import check_runs
from jaxmlp.training import (
    Hyper,
    Phase,
    RunSpec,
    check_hyper,
    check_interventions,
    check_numbers,
    check_task,
    hyper_values,
    outputs_of,
    phases,
)
from jaxmlp.typed import check_types


@dataclass(frozen=True)
class Arm:
    """One setting: a static structure and its numbers, under a name.

    >>> from jaxmlp import nn, training
    >>> arm = Arm("fast", training.RunSpec(nn.MLPSpec((4, 8, 3))), training.Hyper(learning_rate=0.1))
    >>> arm.name, arm.hyper.learning_rate
    ('fast', 0.1)
    """

    name: str
    spec: RunSpec
    hyper: Hyper = field(default_factory=Hyper)

    def __post_init__(self) -> None:
        check_types(self)
        if not self.name.isprintable() or not self.name.strip():
            raise InputError(f"an arm is called {self.name!r}: give it a name of printable characters")


@dataclass(frozen=True)
class Run:
    """One arm with one seed."""

    arm: Arm
    seed: int
    run_id: str
    parent: "Run | None" = None
    """The run that it is until its last intervention; None where it has none."""
    until: int | None = None
    """Of a past that is trained for what forks from it: the last epoch, which its id ends with. None: to the end."""

    def past(self, until: int) -> "Run":
        """Its first epochs alone, under an id of their own."""
        return replace(self, run_id=f"{self.run_id}.{until}", until=until)

    def identity(self, experiment: str) -> dict[str, Any]:
        """What each of its rows begins with, the columns `IDENTITY`."""
        return dict(zip(IDENTITY, (experiment, self.arm.name, self.run_id, self.seed), strict=True))

    @property
    def state_id(self) -> str:
        """The id of the run whose states it has: its own, or of a past the whole run's."""
        return self.run_id.partition(".")[0]

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """How it trains; what it does not share with its parent is the last."""
        return phases(self.arm.spec, self.arm.hyper)

    @property
    def phase(self) -> Phase:
        """How it trains from its last intervention on, or from its start."""
        return self.phases[-1]

    @property
    def span(self) -> tuple[int, int]:
        """The epochs (from, to] that are trained for it alone."""
        return self.phase.begin, self.until or self.arm.spec.epochs


def is_past(run_id: str) -> bool:
    """Whether this is the id of a past, see `Run.past`."""
    return "." in run_id


def make_run(arm: Arm, seed: int, data_hash: str) -> Run:
    """A run; its id hashes the canonical setting (see `jaxmlp.identity`), seed and data: "already run"."""
    content = _setting(arm.spec) | {"hyper": hyper_values(arm.hyper), "seed": seed, "data": data_hash}
    return Run(arm, seed, _hash(content), _parent(arm, seed, data_hash))


def _parent(arm: Arm, seed: int, data_hash: str) -> Run | None:
    acting = arm.spec.interventions
    if not acting:
        return None
    before = tuple(one for one in acting if one.epoch < acting[-1].epoch)
    return make_run(replace(arm, spec=replace(arm.spec, interventions=before)), seed, data_hash)


def spec_id(spec: RunSpec) -> str:
    """A name for a spec that is the same in every process."""
    return _hash(canonical(spec) | _user_components(spec))


def _setting(spec: RunSpec) -> dict[str, Any]:
    """The spec's part of an id."""
    return {"spec": canonical(spec)} | _user_components(spec)


def _user_components(spec: RunSpec) -> dict[str, Any]:
    """A user's component goes by what it computes, not by its name alone; without any, nothing is said."""
    components = spec.user_components()
    return {"components": components} if components else {}


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def describe_arm(arm: Arm) -> dict[str, Any]:
    """What an arm is, as JSON values: what the manifest keeps and a resumed study must agree with."""
    content = {"num_parameters": count_parameters(arm.spec.mlp)} | _setting(arm.spec)
    return json.loads(json.dumps(content | {"hyper": hyper_values(arm.hyper)}))


def flat_settings(described: Mapping[str, Any]) -> dict[str, Any]:
    """An arm's settings by dotted name: spec fields such as `loss.name`, and numbers such as `hyper.learning_rate`.

    A field that the description leaves out, since it holds its neutral value, is there with that value.
    """
    spec = dict(_flatten(described["spec"]))
    spec |= {name: _cell(value) for name, value in neutral_values(RunSpec).items() if name not in spec}
    hyper = neutral_values(Hyper) | dict(described["hyper"])
    components = {f"{key}.fingerprint": value for key, value in described.get("components", {}).items()}
    return spec | {f"hyper.{key}": value for key, value in hyper.items()} | components


def varying_settings(described: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For every arm's name, the spec and hyper fields that differ between the arms, as dotted columns."""
    settings = {name: flat_settings(arm) for name, arm in described.items()}
    keys = dict.fromkeys(key for values in settings.values() for key in values)  # a user's numbers are not in every arm
    varies = [key for key in keys if len({str(values.get(key)) for values in settings.values()}) > 1]
    return {name: {key: values.get(key) for key in varies} for name, values in settings.items()}


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _cell(value)


def _cell(value: Any) -> Any:
    """To fit a table's cell, a sequence becomes text, such as 784-100-10, and so do interventions."""
    if isinstance(value, Mapping):
        others = ", ".join(f"{key}={_cell(other)}" for key, other in value.items() if key != "kind")
        return f"{value['kind']}({others})"
    return "-".join(str(_cell(item)) for item in value) or "none" if isinstance(value, list | tuple) else value


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Seeds as a tuple: n means 0 to n − 1.

    Raises:
        InputError: no seed, a negative one, one beyond 32 bits, or one given twice.
    """
    try:
        listed = seeds if isinstance(seeds, Iterable) else range(min(operator.index(seeds), MOST + 1))
        if hasattr(listed, "__len__"):
            check_runs(len(listed))
        given = tuple(map(operator.index, listed))
    except TypeError:
        given = ()
    if isinstance(seeds, bool) or not given or not all(0 <= seed <= MOST for seed in given):
        raise InputError(
            f"seeds are {shown(seeds)}: give how many (at least 1), or a list of integers from 0 to 2**31 - 1"
        )
    if len(set(given)) < len(given):
        raise InputError(f"seeds {list(given)} name one twice: give each once")
    return given


def seeds_by_arm(
    arms: Sequence[Arm], seeds: int | Sequence[int] | Mapping[str, int | Sequence[int]]
) -> dict[str, tuple[int, ...]]:
    """The seeds of every arm, by its name; what costs most may have fewer.

    Raises:
        InputError: seeds that `check_seeds` refuses, or other arms than `arms`.
    """
    if not isinstance(seeds, Mapping):
        return dict.fromkeys((arm.name for arm in arms), check_seeds(seeds))
    names = [arm.name for arm in arms]
    if set(names) != set(seeds):
        raise InputError(f"seeds are given for {', '.join(seeds)}: give them for {', '.join(names)}")
    return {name: check_seeds(seeds[name]) for name in names}


def check_arms(arms: Sequence[Arm], dataset: Dataset) -> None:
    """Raise `InputError` where an arm cannot run on this dataset, or cannot be told from another."""
    if not arms:
        raise InputError("no arms: give at least one")
    check_dataset(dataset)
    known: dict[str, str] = {}
    for arm in arms:
        check_hyper(arm.hyper)
        check_numbers(arm.spec, arm.hyper)
        check_interventions(arm.spec, arm.hyper)
        _check_fit(arm, dataset)
        identity = make_run(arm, 0, "").run_id
        if arm.name in known.values():
            raise InputError(f"two arms are called {arm.name!r}: give each its own name")
        if identity in known:
            raise InputError(f"arms {known[identity]!r} and {arm.name!r} are the same setting: leave one out")
        known[identity] = arm.name


def check_fingerprints(arms: Sequence[Arm]) -> None:
    """Raise `InputError` where a folder could not tell a user's component from another one of its name."""
    for arm in arms:
        for path, fingerprint in arm.spec.user_components().items():
            if fingerprint is None:
                raise InputError(
                    f"{path} of arm {arm.name!r} has no fingerprint: what it computes cannot be told from its code; "
                    "leave out the folder (the study then stays in memory), or use what has one"
                )


def _check_fit(arm: Arm, dataset: Dataset) -> None:
    num_examples, inputs = dataset.train_inputs.shape
    check_task(arm.spec, dataset)
    widths, outputs = arm.spec.mlp.widths, outputs_of(arm.spec, dataset)
    if widths[0] != inputs or widths[-1] not in outputs:
        raise InputError(
            f"arm {arm.name!r} has widths {widths}: on {dataset.name} they must start with "
            f"its {inputs} inputs and end with its {outputs[0]} {arm.spec.loss.task}"
            + (", or with 1 output for the two" if len(outputs) > 1 else "")
        )
    arm.spec.data.num_train(num_examples)
    check_preprocessing(arm.spec.data.preprocessing, dataset)
    _check_split(arm.spec.data.split, dataset)


def _check_split(name: str, dataset: Dataset) -> None:
    """Rows in time order, or of groups, are not mixed; a stratified split needs classes."""
    split = split_named(name)
    if split.shuffled and dataset.split.startswith("last_"):
        raise InputError(
            f"split {name!r} would mix the rows of {dataset.name}, which are in time order or of groups that stay "
            f"together: choose {dataset.split!r}"
        )
    if split.stratified and dataset.task != "classes":
        raise InputError(f"split {name!r} needs classes, and {dataset.name} is of numbers: choose 'random_fifth'")
