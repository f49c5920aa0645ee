"""One group's compiled programs on one device: `init`, `advance` and `finish` for W lanes, and what they cost.

`advance` is the only training executable a group has. How many steps it does is a traced number, so any
chunking of the same steps runs the same machine code and gives the same bits.
"""

import gc
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.study.arms import Run
from jaxmlp.study.blocks import Layout, padded
from jaxmlp.training import Hyper, RunSpec, RunState, end_epoch, end_run, start_run, train_epoch

CHUNK_SECONDS = 2.0
"""Aimed length of one chunk: long enough to hide dispatch, short enough for a live display."""


SHORT_SECONDS = 0.05
"""Measurements below it are taken three times."""


@dataclass(frozen=True)
class Cost:
    """Of one block, measured once, before step 0."""

    step_seconds: float
    piece_seconds: float
    """Once per piece of an epoch: drawing the order of the data."""
    evaluation_seconds: float


class Program:
    """The executables of one group for W lanes on one device."""

    chunk_seconds = CHUNK_SECONDS

    def __init__(self, spec: RunSpec, dataset: Dataset, layout: Layout) -> None:
        """Compile for the device that the dataset is on."""
        self.spec, self.dataset, self.layout = spec, dataset, layout
        self.steps_per_epoch = spec.data.steps_per_epoch(dataset.train_inputs.shape[0])
        (self.device,) = dataset.train_inputs.devices()
        begin = time.perf_counter()
        with jax.default_device(self.device):
            self._compile()
        self.compile_seconds = time.perf_counter() - begin

    def _compile(self) -> None:
        spec, layout = self.spec, self.layout
        hypers = self.any_hypers
        seeds = jax.ShapeDtypeStruct((layout.lanes,), jnp.int32)
        number = jax.ShapeDtypeStruct((), jnp.int32)
        with _no_garbage_collection(), ThreadPoolExecutor(1) as beside:
            init = jax.jit(partial(_init, spec=spec, strategy=layout.strategy)).lower(seeds, hypers, self.dataset)
            self.state_shapes: RunState = init.out_info
            # XLA needs no Python: one program is compiled, or read from the cache, while the other one is traced.
            compiling = beside.submit(init.compile)
            advance = jax.jit(partial(_advance, spec=spec, strategy=layout.strategy), donate_argnums=0)
            counters = (number, number, number)
            self._advance = advance.lower(self.state_shapes, hypers, self.dataset, *counters).compile()
            self._init = compiling.result()

    def draw(self, block: tuple[Run, ...]) -> RunState:
        """The block's states before training; nothing is measured yet."""
        seeds = np.asarray([run.seed for run in padded(block, self.layout.lanes)], np.int32)
        return self._init(seeds, self.hypers(block), self.dataset)

    def start(self, block: tuple[Run, ...]) -> RunState:
        """The block's states before training, epoch 0 measured."""
        return self.advance(self.draw(block), self.hypers(block), 0, 0, 1)

    def hypers(self, block: tuple[Run, ...]) -> Hyper:
        """The block's stacked numbers, [W] each."""
        return _stack_hypers([run.phase.hyper for run in padded(block, self.layout.lanes)], self.spec.user_numbers)

    @property
    def any_hypers(self) -> Hyper:
        """Numbers of no run, [W] each: to compile with, and to time."""
        return _stack_hypers([Hyper()] * self.layout.lanes, self.spec.user_numbers)

    def advance(self, states: RunState, hypers: Hyper, clock: int, count: int, repeats: int) -> RunState:
        """Do `repeats` pieces of `count` steps from global step `clock` on; gives up `states`' buffers.

        Pieces must not run across the end of an epoch: `chunks` makes such pieces. No step from clock 0 on measures
        epoch 0: one executable for all measuring is compiled once.
        """
        return self._advance(states, hypers, self.dataset, *map(np.int32, (clock, count, repeats)))

    def finish(self, states: RunState, hypers: Hyper) -> RunState:
        """Read the test set; gives up `states`' buffers. Compiled when it is first needed."""
        return self._finish(states, hypers, self.dataset)

    def prepare_finish(self) -> None:
        """Compile what `finish` needs ahead of its first call."""
        with jax.default_device(self.device):
            _ = self._finish

    @cached_property
    def _finish(self) -> Any:
        finish = jax.jit(partial(_finish, spec=self.spec, strategy=self.layout.strategy), donate_argnums=0)
        hypers = self.any_hypers
        return finish.lower(self.state_shapes, hypers, self.dataset).compile()

    def chunks(self, clock: int = 0, stops: Iterable[int] = ()) -> Iterator[tuple[int, int, int]]:
        """(clock, count, repeats) of every chunk from a step on to the last stop, each about `chunk_seconds`.

        No chunk goes across a stop, a step at the end of an epoch; without stops they go to the end of training.
        """
        for stop in sorted(stops) or [self.spec.epochs * self.steps_per_epoch]:
            yield from self._chunks(clock, stop)
            clock = max(clock, stop)

    def _chunks(self, clock: int, end: int) -> Iterator[tuple[int, int, int]]:
        steps = self.steps_per_epoch
        whole = int(self.chunk_seconds / self._epoch_seconds)
        while clock < end:
            if whole >= 1 and clock % steps == 0:
                count, repeats = steps, min(whole, (end - clock) // steps)
            else:
                count, repeats = min(self._piece, steps - clock % steps), 1
            yield clock, count, repeats
            clock += count * repeats

    @property
    def block_seconds(self) -> float:
        """Estimated seconds of one block."""
        return self.spec.epochs * self._epoch_seconds

    @property
    def _piece(self) -> int:
        """Steps in one piece of an epoch that is too long for one chunk."""
        wanted = int(self.chunk_seconds / max(self.cost.step_seconds, 1e-9))
        return max(1, min(self.steps_per_epoch, wanted))

    @property
    def _epoch_seconds(self) -> float:
        cost, pieces = self.cost, -(-self.steps_per_epoch // self._piece)
        return self.steps_per_epoch * cost.step_seconds + pieces * cost.piece_seconds + cost.evaluation_seconds

    @cached_property
    def cost(self) -> Cost:
        """Time the program on throw-away states: one step, then several, then the end of an epoch."""
        hypers = self.any_hypers
        states = self._init(np.zeros(self.layout.lanes, np.int32), hypers, self.dataset)
        states, _ = self._timed(states, hypers, 0, 1)
        states, one = self._timed(states, hypers, 0, 1)
        count, several = 1, one
        while several < one + 0.1 and count < self.steps_per_epoch:
            count = min(4 * count, self.steps_per_epoch)
            states, several = self._timed(states, hypers, 0, count)
        # Where these steps are a whole epoch, its evaluation is timed along: an upper bound.
        step = (several - one) / (count - 1) if count > 1 else one
        states, last = self._timed(states, hypers, self.steps_per_epoch - 1, 1)
        step, piece = max(step, 1e-7), max(one - step, 0.0)
        return Cost(step, piece, max(last - one, 0.0))

    def _timed(self, states: RunState, hypers: Hyper, clock: int, count: int) -> tuple[RunState, float]:
        """The least of three times where these are short: a pause of the machine would count for a thousand steps."""
        least = float("inf")
        for _ in range(3):
            begin = time.perf_counter()
            states = jax.block_until_ready(self.advance(states, hypers, clock, count, 1))
            least = min(least, time.perf_counter() - begin)
            if least > SHORT_SECONDS:
                break
        return states, least

    @property
    def text(self) -> str:
        """What was compiled to advance, as XLA writes it: every operation with where in the code it comes from. Empty
        where a backend does not tell.
        """
        return self._advance.as_text() or ""

    @property
    def memory_bytes(self) -> int:
        """What the largest of the executables needs, the dataset included, as its compiler planned it."""
        plans = [program.memory_analysis() for program in (self._init, self._advance)]
        return max(
            plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes - plan.alias_size_in_bytes
            for plan in plans
            if plan is not None  # a backend may not know
        )

    @property
    def working_bytes(self) -> int | None:
        """Of that, what training holds beside the dataset: states and temporaries; None if a backend says nothing."""
        plan = self._advance.memory_analysis()
        return None if plan is None else plan.output_size_in_bytes + plan.temp_size_in_bytes


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Tracing makes many objects and hardly any garbage, and looks for it again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def over_lanes(function: Any, strategy: str, *stacked: Any) -> Any:
    """A function of one lane on stacked arguments, [W] each, as the strategy goes through lanes."""
    if strategy == "vmap":
        return jax.vmap(function)(*stacked)
    if jax.tree.leaves(stacked)[0].shape[0] == 1:
        # No loop around a single lane.
        return jax.tree.map(lambda leaf: leaf[None], function(*jax.tree.map(lambda leaf: leaf[0], stacked)))
    return jax.lax.map(lambda lane: function(*lane), stacked)


def _init(seeds: Array, hypers: Hyper, dataset: Dataset, *, spec: RunSpec, strategy: str) -> RunState:
    return over_lanes(lambda seed, hyper: start_run(seed, dataset, spec=spec, hyper=hyper), strategy, seeds, hypers)


def _finish(states: RunState, hypers: Hyper, dataset: Dataset, *, spec: RunSpec, strategy: str) -> RunState:
    return over_lanes(lambda run, hyper: end_run(run, dataset, spec=spec, hyper=hyper), strategy, states, hypers)


def _advance(
    states: RunState,
    hypers: Hyper,
    dataset: Dataset,
    clock: Array,
    count: Array,
    repeats: Array,
    *,
    spec: RunSpec,
    strategy: str,
) -> RunState:
    """Lanes share one clock: the loop bounds and the end of an epoch are the same for all, hence no branch
    is ever taken for one lane and masked for another.
    """
    steps = spec.data.steps_per_epoch(dataset.train_inputs.shape[0])

    def train(states: RunState, **counters: Array) -> RunState:
        if strategy == "vmap":
            return train_epoch(states, dataset, spec=spec, hyper=hypers, lanes=jax.vmap, **counters)
        one = partial(train_epoch, spec=spec, **counters)
        return over_lanes(lambda run, hyper: one(run, dataset, hyper=hyper), strategy, states, hypers)

    def finish(states: RunState, epoch: Array) -> RunState:
        one = partial(end_epoch, spec=spec, epoch=epoch)
        return over_lanes(lambda run, hyper: one(run, dataset, hyper=hyper), strategy, states, hypers)

    def piece(_: Array, carry: tuple[RunState, Array]) -> tuple[RunState, Array]:
        states, clock = carry
        states = train(states, epoch=clock // steps + 1, first=clock % steps, count=count)
        clock = clock + count
        states = jax.lax.cond(clock % steps == 0, finish, lambda s, _: s, states, clock // steps)
        return states, clock

    return jax.lax.fori_loop(0, repeats, piece, (states, clock))[0]


def _stack_hypers(hypers: list[Hyper], users: tuple[str, ...] = ()) -> Hyper:
    """[W] float32 of every number; of a user's, those that the spec asks for, so that all its runs fit one program."""
    names = [field.name for field in fields(Hyper) if field.name != "user"]
    stacked = {name: np.asarray([getattr(hyper, name) for hyper in hypers], np.float32) for name in names}
    # Programs are compiled, and timed, with numbers of no run.
    user = {name: np.asarray([hyper.user.get(name, 1.0) for hyper in hypers], np.float32) for name in users}
    return Hyper(**stacked, user=user)
