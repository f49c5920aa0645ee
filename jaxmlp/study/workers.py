"""Blocks to devices: one thread per device takes the next block, trains it chunk by chunk, and reports.

Threads only wait for their device, so Python's lock is free; all files but checkpoints are written by the thread
that reads the reports.
"""

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import jax
import numpy as np

from jaxmlp.data import Dataset
from jaxmlp.errors import ran_out
from jaxmlp.probes import Probe
from jaxmlp.study.arms import Run
from jaxmlp.study.blocks import Layout
from jaxmlp.study.checkpoint import SavedBlock, save_block
from jaxmlp.study.forks import Forks
from jaxmlp.study.memory import Device
from jaxmlp.study.plan import Work
from jaxmlp.study.program import Program
from jaxmlp.study.watch import Records, Watch
from jaxmlp.training import RunSpec, RunState

WORTH_COMPILING = 2.0
"""A device beside the first takes a group's block only where the blocks to come take so many compile times."""


@dataclass(frozen=True)
class Job:
    """One block to train."""

    work: Work
    block: tuple[Run, ...]
    saved: SavedBlock | None = None
    """Where an earlier call left it."""

    @property
    def span(self) -> tuple[int, int]:
        """The clocks (from, to] that are to be trained."""
        begin, end = (epoch * self.work.program.steps_per_epoch for epoch in self.block[0].span)
        return begin, end

    @property
    def epochs(self) -> int:
        """How many that are."""
        begin, end = self.block[0].span
        return end - begin

    @property
    def seconds(self) -> float:
        """Estimated, from its begin."""
        return self.work.group.share(self.block) * self.work.program.block_seconds

    @property
    def is_past(self) -> bool:
        """Whether it is trained for its forks alone, and leaves no rows."""
        return self.block[0].until is not None

    @property
    def rows(self) -> int:
        """Runs that have rows when it is done."""
        return 0 if self.is_past else len(self.block)

    @property
    def share_done(self) -> float:
        """Of the block's steps, what the earlier call did."""
        return self.share(self.saved.clock) if self.saved else 0.0

    def share(self, clock: int) -> float:
        """Of the block's steps, what is done at a clock."""
        begin, end = self.span
        return (clock - begin) / (end - begin)


@dataclass(frozen=True)
class Report:
    """A block after a chunk."""

    job: Job
    epoch: int
    share: float
    """Of the block's steps that are done; 1 at the end, early or not."""
    history: dict[str, np.ndarray]
    """[W, E + 1] of each metric."""
    measured: dict[str, np.ndarray]
    """[W, E + 1] bool of each metric: where the history holds a number."""
    states: RunState | None = None
    """At the end: the final states, on the host; not of a past."""
    records: Records = ()
    """At the end: what the study's probes have seen, on the host."""
    steps: int = 0
    """At the end: how many each of its lanes was trained from the block's begin on."""


@dataclass(frozen=True)
class Failure:
    """What a block died of."""

    job: Job
    error: Exception

    @property
    def out_of_memory(self) -> bool:
        """Whether less at once could have helped."""
        return ran_out(self.error)


class Stop:
    """A request to end: by Ctrl-C, by SIGTERM (what a cluster sends before it kills), or by an error elsewhere."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal: int | None = None

    def ask(self, number: int | None = None, _: FrameType | None = None) -> None:
        """End after the chunk that is running; a second signal ends at once."""
        if number is not None and self.signal is not None:
            raise KeyboardInterrupt(number)
        self.signal = number
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether to end."""
        return self._event.is_set()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A `Stop` that Ctrl-C and SIGTERM ask; only the main thread may listen to signals, elsewhere none is heard."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Workers:
    """A thread per device, working on a shared list of jobs."""

    def __init__(
        self,
        jobs: Sequence[Job],
        datasets: Mapping[Device, Dataset],
        *,
        forks: Forks,
        stop: Stop,
        checkpoints: Path | None,
        checkpoint_seconds: float,
        probes: tuple[Probe, ...],
        make_program: Callable[[RunSpec, Dataset, Layout], Program],
    ) -> None:
        """Start.

        Args:
            jobs: in the order in which they are taken.
            datasets: the dataset on each device to use.
            forks: what blocks begin with that fork, and where they are kept for them.
            stop: when asked, every block is checkpointed after its chunk and left.
            checkpoints: where; None keeps none.
            checkpoint_seconds: from one checkpoint of a block to the next.
            probes: what watches every block.
            make_program: compiles a layout on a device that has not compiled it yet.
        """
        self._jobs, self._changed, self._busy = list(jobs), threading.Condition(), 0
        self._forks = forks
        self._stop, self._checkpoints, self._every = stop, checkpoints, checkpoint_seconds
        self._probes, self._make_program = probes, make_program
        self._reports: queue.Queue[Report | Failure | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._work, args=(device, data), name=f"jaxmlp {device}", daemon=True)
            for device, data in datasets.items()
        ]
        self._first = next(iter(datasets))
        for thread in self._threads:
            thread.start()

    def reports(self) -> Iterator[Report | Failure]:
        """What happens, until no thread works any more."""
        working = len(self._threads)
        while working:
            try:
                # A bare get() would keep the main thread from hearing signals.
                report = self._reports.get(timeout=0.2)
            except queue.Empty:
                continue
            if report is None:
                working -= 1
            else:
                yield report

    def forget(self, work: Work) -> None:
        """Take no more blocks of this group."""
        with self._changed:
            self._jobs = [job for job in self._jobs if job.work is not work]

    def join(self) -> None:
        """Wait for the threads; a program that shuts down under a running chunk would crash."""
        for thread in self._threads:
            thread.join()

    @property
    def left(self) -> list[Job]:
        """Jobs that nobody took: those that would fork from one that failed."""
        return list(self._jobs)

    def _next(self, device: Device, programs: Mapping[int, Program]) -> Job | None:
        """The next job for a device; while others train what a job forks from, wait for them."""
        with self._changed:
            while not self._stop.asked:
                ready = [job for job in self._jobs if self._forks.ready(job.block)]
                for job in ready:
                    if device == self._first or id(job.work) in programs or self._worth_compiling(job.work):
                        self._jobs.remove(job)
                        self._busy += 1
                        return job
                if not self._busy or len(ready) == len(self._jobs):
                    return None
                self._changed.wait()
        return None

    def _done(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def _worth_compiling(self, work: Work) -> bool:
        waiting = sum(job.work is work for job in self._jobs)
        return waiting * work.program.block_seconds > WORTH_COMPILING * work.program.compile_seconds

    def _work(self, device: Device, dataset: Dataset) -> None:
        programs: dict[int, Program] = {}
        try:
            with jax.default_device(device):
                while (job := self._next(device, programs)) is not None:
                    try:
                        program = programs.get(id(job.work)) or self._program(job.work, device, dataset)
                        programs[id(job.work)] = program
                        self._train(program, job)
                    except Exception as error:  # whatever it is, who waits for reports must hear of it
                        self._reports.put(Failure(job, error))
                    finally:
                        self._done()
        finally:
            self._reports.put(None)

    def _program(self, work: Work, device: Device, dataset: Dataset) -> Program:
        if device == work.program.device:
            return work.program
        program = self._make_program(work.group.spec, dataset, work.layout)
        program.cost = work.program.cost  # measured once, on a device of the same kind
        return program

    def _train(self, program: Program, job: Job) -> None:
        watch, hypers = Watch(self._probes, program), program.hypers(job.block)
        states, records, begin = self._begin(watch, job)
        steps, (first, end) = program.steps_per_epoch, job.span
        forks = {epoch * steps for epoch in self._forks.wanted(job.block)}
        chunks, done, saved = program.chunks(begin, {*forks, end}), begin, time.monotonic()
        while True:
            history, measured, ended = jax.device_get((states.history, states.measured, states.ended))
            # Of runs that have ended all epochs to come are as this one.
            here = {at for at in forks if at == done or (at > done and ended.all())}
            self._fork(job, done, here, watch.carried(states, records))
            if done == end or ended.all():
                break
            if done > begin:
                self._reports.put(Report(job, done // steps, job.share(done), history, measured))
                if self._stop.asked or time.monotonic() - saved >= self._every:
                    self._save(job, done, watch.carried(states, records))
                    saved = time.monotonic()
                if self._stop.asked:
                    return
            clock, count, repeats = next(chunks)
            states, records = watch.advance(states, records, hypers, (clock, count, repeats))
            done = clock + count * repeats
        if job.is_past:
            self._reports.put(Report(job, done // steps, 1.0, history, measured, steps=done - first))
            return
        states, records = jax.device_get((program.finish(states, hypers), records))
        final = states.history, states.measured, states, records
        self._reports.put(Report(job, program.spec.epochs, 1.0, *final, done - first))

    def _fork(self, job: Job, clock: int, clocks: set[int], carried: Any) -> None:
        """Keep what is carried at a clock for what forks at these."""
        if not clocks:
            return
        kept = jax.device_get(carried)
        for at in sorted(clocks):
            self._forks.keep(job.block, job.work.layout, at // job.work.program.steps_per_epoch, clock, kept)
        with self._changed:
            self._changed.notify_all()

    def _begin(self, watch: Watch, job: Job) -> tuple[RunState, Records, int]:
        program = watch.program
        if job.saved is not None:
            restored = job.saved.restore(watch.carried_shapes)
            if restored is not None:
                return *watch.states_and_records(jax.device_put(restored, program.device)), job.saved.clock
            job.saved.drop()
        if job.block[0].parent is not None:
            forked = jax.device_put(self._forks.begin(job.block, watch), program.device)
            return *watch.states_and_records(forked), job.span[0]
        states = program.start(job.block)
        return states, watch.begin(states, program.hypers(job.block)), 0

    def _save(self, job: Job, clock: int, carried: Any) -> None:
        if self._checkpoints is not None:
            probes = tuple(map(repr, self._probes))
            save_block(self._checkpoints, job.block, job.work.layout, clock, jax.device_get(carried), probes)
