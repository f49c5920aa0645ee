"""Probes at work: what a study's blocks are observed by, the records this leaves, and their rows.

Records stand beside the states of runs, never in them: the program that trains does not know of them. It stops where
an observation is due, and a program of its own reads the states there.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import struct
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.probes import Probe
from jaxmlp.study.arms import Run
from jaxmlp.study.program import Program, over_lanes
from jaxmlp.training import Hyper, RunSpec, RunState


class Record(struct.PyTreeNode):
    """What one probe has seen of a block's runs so far."""

    memory: Any
    """What the probe remembers, [W, ...]."""
    values: dict[str, Array]
    """By column, [W, N, ...] for N observations; 0 where one has not come yet."""


Records = tuple[Record, ...]
"""Of all probes of a study, in their order."""


@dataclass(frozen=True)
class Watch:
    """The probes of one group's blocks, on one device."""

    probes: tuple[Probe, ...]
    program: Program

    def begin(self, states: RunState, hypers: Hyper) -> Records:
        """The records of a block that stands before training, observed there where that is asked for."""
        return self._observe(self._empty(states, hypers), states, hypers, 0)

    def advance(
        self, states: RunState, records: Records, hypers: Hyper, chunk: tuple[int, int, int]
    ) -> tuple[RunState, Records]:
        """Train a chunk of `Program.chunks`, observing on the way; gives up the buffers of states and records."""
        steps = self.program.steps_per_epoch
        for clock, count, repeats in split_chunk(chunk, self._stops, steps):
            states = self.program.advance(states, hypers, clock, count, repeats)
            records = self._observe(records, states, hypers, clock + count * repeats)
        return states, records

    def look_bytes(self, states: RunState, records: Records, hypers: Hyper) -> int | None:
        """What the largest of the probes' programs holds while it looks, beside states, records and dataset, as its
        compiler planned it; None if a backend says nothing. Each is compiled anew, or read from the cache.
        """
        how = {"spec": self.program.spec, "strategy": self.program.layout.strategy}
        dataset, number = self.program.dataset, np.int32(0)
        plans = [
            _observe.lower(record, states, hypers, dataset, number, probe=probe, **how).compile().memory_analysis()
            for probe, record in zip(self.probes, records, strict=True)
        ]
        return max((plan.temp_size_in_bytes for plan in plans if plan is not None), default=None)

    def carried(self, states: Any, records: Any) -> Any:
        """States, and what belongs to them, as a checkpoint keeps them."""
        return (states, records) if self.probes else states

    @property
    def carried_shapes(self) -> Any:
        """What `carried` makes, as shapes."""
        states, hypers = self.program.state_shapes, self.program.any_hypers
        return self.carried(states, jax.eval_shape(self._empty, states, hypers))

    def states_and_records(self, carried: Any) -> tuple[RunState, Records]:
        """What `carried` was made of."""
        return carried if self.probes else (carried, ())

    def tables(self, experiment: str, block: Sequence[Run], records: Records, ends: pd.DataFrame) -> dict[str, Any]:
        """The rows that a finished block's records are, by table.

        Args:
            experiment: the study's name.
            block: its runs, without the padding.
            records: on the host.
            ends: the block's rows of the table "runs".
        """
        epochs = dict(zip(ends["run_id"], ends["ended_epoch"], strict=True))
        made = {}
        for probe, record in zip(self.probes, records, strict=True):
            frames = [
                self._rows(probe, {name: value[lane] for name, value in record.values.items()}, epochs[run.run_id])
                for lane, run in enumerate(block)
            ]
            table = [_identified(run.identity(experiment), frame) for run, frame in zip(block, frames, strict=True)]
            made[probe.table.name] = pd.concat(table, ignore_index=True)
        return made

    def _rows(self, probe: Probe, values: Mapping[str, Any], end: int) -> pd.DataFrame:
        """Of one run, [N, ...] each: one row per observation up to the epoch in which it ended, and entry."""
        steps = self.program.steps_per_epoch
        clocks = [clock for clock in self._clocks(probe) if clock <= end * steps]
        moments = np.asarray(clocks, np.int32) // (steps if probe.when.key == "epoch" else 1)
        seen = {name: np.asarray(value)[: len(clocks)] for name, value in values.items()}
        observation, *entries = np.indices(next(iter(seen.values())).shape, np.int32)
        keys = dict(zip(probe.table.keys[2:], entries, strict=True))
        columns = {probe.when.key: moments[observation]} | keys | seen
        order = [*probe.table.keys[1:], *(column.name for column in probe.table.columns)]
        return pd.DataFrame({name: columns[name].ravel() for name in order})

    def _clocks(self, probe: Probe) -> tuple[int, ...]:
        return probe.when.clocks(self.program.spec.epochs, self.program.steps_per_epoch)

    @cached_property
    def _numbers(self) -> list[dict[int, int]]:
        """Of every probe, the number of an observation by its clock."""
        return [{clock: number for number, clock in enumerate(self._clocks(probe))} for probe in self.probes]

    @cached_property
    def _stops(self) -> list[int]:
        return sorted({clock for numbers in self._numbers for clock in numbers})

    def _empty(self, states: RunState, hypers: Hyper) -> Records:
        how = {"spec": self.program.spec, "strategy": self.program.layout.strategy}
        data = self.program.dataset
        return tuple(
            _begin(states, hypers, data, probe=probe, count=len(self._clocks(probe)), **how) for probe in self.probes
        )

    def _observe(self, records: Records, states: RunState, hypers: Hyper, clock: int) -> Records:
        how = {"spec": self.program.spec, "strategy": self.program.layout.strategy}
        seen = []
        for probe, record, numbers in zip(self.probes, records, self._numbers, strict=True):
            if clock in numbers:
                number = np.int32(numbers[clock])
                record = _observe(record, states, hypers, self.program.dataset, number, probe=probe, **how)
            seen.append(record)
        return tuple(seen)


def split_chunk(chunk: tuple[int, int, int], stops: Sequence[int], steps: int) -> Iterator[tuple[int, int, int]]:
    """The same steps as (clock, count, repeats) that end at every stop on the way.

    Args:
        chunk: (clock, count, repeats), pieces that end no later than an epoch.
        stops: ascending numbers of steps.
        steps: of an epoch.
    """
    clock, count, repeats = chunk
    end = clock + count * repeats
    while clock < end:
        later = bisect_right(stops, clock)
        stop = min(stops[later], end) if later < len(stops) else end
        if clock % steps == 0 and stop - clock >= steps:
            count, repeats = steps, (stop - clock) // steps
        else:
            count, repeats = min(stop - clock, steps - clock % steps), 1
        yield clock, count, repeats
        clock += count * repeats


@partial(jax.jit, static_argnames=("probe", "count", "spec", "strategy"))
def _begin(
    states: RunState, hypers: Hyper, dataset: Dataset, *, probe: Probe, count: int, spec: RunSpec, strategy: str
):
    """A block's empty record."""

    def one(run: RunState, hyper: Hyper) -> Record:
        memory = probe.begin(run, dataset, spec=spec, hyper=hyper)
        _, values = jax.eval_shape(partial(probe.observe, spec=spec), memory, run, dataset, hyper=hyper)
        return Record(memory, {name: jnp.zeros((count, *value.shape), value.dtype) for name, value in values.items()})

    return over_lanes(one, strategy, states, hypers)


@partial(jax.jit, static_argnames=("probe", "spec", "strategy"), donate_argnums=0)
def _observe(
    record: Record, states: RunState, hypers: Hyper, dataset: Dataset, number, *, probe: Probe, spec, strategy: str
):
    """A block's record with its observation of this number."""

    def one(record: Record, run: RunState, hyper: Hyper) -> Record:
        memory, values = probe.observe(record.memory, run, dataset, spec=spec, hyper=hyper)
        return Record(memory, {name: record.values[name].at[number].set(value) for name, value in values.items()})

    return over_lanes(one, strategy, record, states, hypers)


def _identified(identity: Mapping[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(identity, index=rows.index), rows], axis=1)
