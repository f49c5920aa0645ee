"""What a probe is: something that looks at runs at chosen moments of their training, and records what it sees.

A study observes by programs of their own, between pieces of training: the program that trains is the same with and
without probes, and so are its numbers, bit for bit.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, check_count
from jaxmlp.schema import Column, Table, declare
from jaxmlp.training import Hyper, RunSpec, RunState


@dataclass(frozen=True)
class Epochs:
    """Observe before training, and at the end of every so many epochs, after the run has measured there.

    >>> Epochs(every=2).clocks(epochs=5, steps_per_epoch=10)
    (0, 20, 40)
    """

    every: int = 1
    key: ClassVar[str] = "epoch"

    def __post_init__(self) -> None:
        check_count("every", self.every)

    def clocks(self, epochs: int, steps_per_epoch: int) -> tuple[int, ...]:
        """Steps done at each observation, ascending."""
        return tuple(epoch * steps_per_epoch for epoch in range(0, epochs + 1, self.every))


@dataclass(frozen=True)
class Steps:
    """Observe after chosen numbers of steps: `every` so many, 0 included, or those of `at`; up to a run's last step.

    >>> Steps(at=(0, 1, 2, 4, 8)).clocks(epochs=1, steps_per_epoch=5)
    (0, 1, 2, 4)
    """

    every: int | None = None
    at: tuple[int, ...] = ()
    key: ClassVar[str] = "step"

    def __post_init__(self) -> None:
        if (self.every is None) == (not self.at):
            raise InputError("steps to observe at: give either every=..., or at=(...)")
        if self.every is not None:
            check_count("every", self.every)
        if list(self.at) != sorted({*self.at}) or any(step < 0 for step in self.at):
            raise InputError(f"steps to observe at are {self.at}: give them ascending, each once, from 0 on")

    def clocks(self, epochs: int, steps_per_epoch: int) -> tuple[int, ...]:
        """Steps done at each observation, ascending."""
        last = epochs * steps_per_epoch
        return tuple(range(0, last + 1, self.every)) if self.every else tuple(step for step in self.at if step <= last)


@dataclass(frozen=True)
class Probe(ABC):
    """Base class of probes: write one as a frozen dataclass of plain values, whose `repr` says which probe it is.

    A study compiles `begin` and `observe` and maps them over lanes, so both are pure functions of one run's arrays.
    Neither a run's id nor its spec knows of probes.

    >>> from jaxmlp import probes
    >>> probe = probes.GradientNorms(probes.Epochs(every=2))
    >>> probe.table.name, probe.table.keys
    ('gradient_norms', ('run_id', 'epoch', 'layer'))
    """

    when: Epochs | Steps = Epochs()
    """The moments."""
    tables: ClassVar[Mapping[str, Table]]
    """From `probe_tables`: the probe's table by the key of its moments."""

    @property
    def table(self) -> Table:
        """The table it writes; no two probes of a study write one.

        A run has rows up to the epoch in which it ended: one that diverged or stopped early has none after it.
        """
        return self.tables[self.when.key]

    def begin(self, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper) -> Any:
        """What the probe remembers, from the run before training: a pytree of arrays, such as the first parameters."""
        return ()

    @abstractmethod
    def observe(
        self, memory: Any, run: RunState, dataset: Dataset, *, spec: RunSpec, hyper: Hyper
    ) -> tuple[Any, dict[str, Array]]:
        """Look at a run; it stays as it is.

        Args:
            memory: from `begin` or the last call.
            run: after `run.train.step` steps; `training.net_of` makes a net of it.
            dataset: on the device.
            spec: the run's structure.
            hyper: the run's numbers.

        Returns:
            (memory, of the same shapes and types; by column of the table its values). All values have one axis for
            each key of the table behind the moment, such as [L] for ("run_id", "epoch", "layer"), and each of their
            entries is a row. Entries are numbered from 0, unless a key is among the values and names them.
        """


def probe_tables(name: str, axes: tuple[str, ...], columns: tuple[Column, ...], probe: str) -> dict[str, Table]:
    """Declare the tables of a probe: NAME of what is observed at epochs, NAME_by_step of what is at steps.

    Args:
        name: of the table, a word that may be a file's name.
        axes: keys behind the moment, such as ("layer",).
        columns: of numbers.
        probe: the class that writes them, as a user types it.

    >>> from jaxmlp import probes
    >>> [table.name for table in probes.GradientNorms.tables.values()]  # made by this function
    ['gradient_norms', 'gradient_norms_by_step']
    """
    source = f"train, or resume, with study.run(..., probes=({probe}(),))"
    names = {Epochs.key: name, Steps.key: f"{name}_by_step"}
    return {key: declare(Table(names[key], ("run_id", key, *axes), columns, along=key, source=source)) for key in names}
