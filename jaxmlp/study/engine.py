"""`study.run`: the one entry for everything that trains."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, check_choice
from jaxmlp.study import processes
from jaxmlp.study.arms import Arm, check_arms, check_seeds, make_run, spec_id, varying_settings
from jaxmlp.study.blocks import STRATEGIES, Group, Layout, make_groups
from jaxmlp.study.manifest import describe_program, make_manifest
from jaxmlp.study.memory import Device, resident_bytes
from jaxmlp.study.plan import Wish, Work, announce, halved, plan_group
from jaxmlp.study.progress import Display, Status, make_display
from jaxmlp.study.results import Results, assemble, block_rows
from jaxmlp.study.store import Store
from jaxmlp.study.workers import Failure, Job, Report, Stop, Workers, stop_on_signals
from jaxmlp.training import check_count

CHECKPOINT_MINUTES = 5.0


def run(
    arms: Sequence[Arm],
    dataset: Dataset,
    *,
    seeds: int | Sequence[int],
    name: str = "study",
    out: Path | None = None,
    resume: bool = False,
    lanes: int | None = None,
    strategy: str | None = None,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    display: Display | None = None,
    about: dict[str, Any] | None = None,
) -> Results:
    """Train every arm with every seed, vmapped over lanes, one compiled program per distinct spec.

    Blocks of runs go to all local devices, and where `jax.distributed` was initialized to all processes.

    Args:
        arms: the settings.
        dataset: from `data.load`.
        seeds: n for seeds 0 to n − 1, or the seeds themselves; all arms share them.
        name: the study's name, the rows' `experiment` column.
        out: a folder for the study's files; finished blocks are saved there as they come, and checkpoints of those
            in training. None keeps all in memory. Several processes need one folder that all of them see.
        resume: continue what `out` holds: only missing runs are trained.
        lanes: W, how many runs share a block; by default planned per group, see `study.plan`, or as
            before when resuming. Runs are bit for bit equal at equal W and strategy, and agree in distribution
            otherwise.
        strategy: one of `STRATEGIES`; by default planned too.
        checkpoint_minutes: from one checkpoint of a block to the next; 0 keeps one after every chunk of about 2 s.
        display: where progress goes; by default a live display on a terminal, else lines.
        about: more for the manifest, such as the command.

    Returns:
        The rows by arm, seed and epoch, those that `out` held before included, and the manifest.

    Raises:
        InputError: settings that cannot run, equal arms, bad seeds or lanes, or an `out` that is taken, not
            writable, in use, or holds other settings under an arm's name. Raised before anything is written.
        KeyboardInterrupt: Ctrl-C or SIGTERM; all blocks in training are checkpointed before.
    """
    seeds = check_seeds(seeds)
    check_arms(arms, dataset)
    _check_options(out, lanes, strategy, checkpoint_minutes)
    runs = [make_run(arm, seed, dataset.digest) for arm in arms for seed in seeds]
    store = Store(out, resume=resume)
    try:
        store.check_same_settings(arms, dataset)
        kept = store.layouts({arm.spec for arm in arms}, Wish(lanes, strategy))
        processes.wait_for_all("every process has read the folder")
        groups = make_groups([run for run in runs if run.run_id not in store.finished])
        begin = time.monotonic()
        with display or make_display(name, Console(quiet=not processes.is_first())) as display:
            datasets = {device: jax.device_put(dataset, device) for device in jax.local_devices()}
            session = _Session(name, store, datasets, display, checkpoint_minutes * 60.0, total=len(runs))
            work = session.plan(groups, Wish(lanes, strategy), kept)
            manifest = make_manifest(name, arms, seeds, dataset, [describe_program(item) for item in work])
            manifest = store.begin(manifest | (about or {}))
            session.train(work)
        seconds = round(store.seconds_before + time.monotonic() - begin, 1)
        processes.wait_for_all("every process has trained its blocks")
        rows = assemble(store.rows(), varying_settings(manifest["arms"]))
        results = Results(rows, store.manifest | {"finished": True, "seconds": seconds})
        store.finish(results)
    finally:
        store.close()
    return results


def _check_options(out: Path | None, lanes: int | None, strategy: str | None, checkpoint_minutes: float) -> None:
    if lanes is not None:
        check_count("lanes", lanes)
    if strategy is not None:
        check_choice("strategy", strategy, STRATEGIES)
    if math.isnan(checkpoint_minutes) or checkpoint_minutes < 0.0:
        raise InputError(f"checkpoint minutes are {checkpoint_minutes:g}: give 0 (after every chunk) or more")
    if out is None and jax.process_count() > 1:
        raise InputError("several processes need a folder that all of them see: give out")


class _Session:
    """One sitting of a study: plans its groups, trains their blocks, keeps what they bring."""

    def __init__(
        self,
        name: str,
        store: Store,
        datasets: dict[Device, Dataset],
        display: Display,
        checkpoint_seconds: float,
        *,
        total: int,
    ) -> None:
        self._name, self._store, self._datasets, self._display = name, store, datasets, display
        self._checkpoint_seconds, self._total = checkpoint_seconds, total
        self._first = next(iter(datasets.values()))

    def plan(self, groups: Sequence[Group], wish: Wish, kept: dict[str, Layout]) -> list[Work]:
        """Choose, compile and time every group's program, the longest group first; say what the study will cost."""
        work = [plan_group(group, self._first, wish, kept.get(spec_id(group.spec))) for group in groups]
        chosen = processes.agree([x for w in work for x in (w.layout.lanes, STRATEGIES.index(w.layout.strategy))])
        for i, item in enumerate(work):  # another process may have measured otherwise
            layout = Layout(chosen[2 * i], STRATEGIES[chosen[2 * i + 1]])
            if layout != item.layout:
                work[i] = plan_group(item.group, self._first, wish, layout)
        if work:
            announce(work, list(self._datasets), self._display)
        return work

    def train(self, work: Sequence[Work]) -> None:
        """Train all blocks; a group that runs out of memory is begun again at half its width."""
        with stop_on_signals() as stop:
            while work:
                failed = self._train_once(work, stop)
                if stop.asked:
                    raise KeyboardInterrupt
                work = [self._halve(item) for item in failed]

    def _halve(self, work: Work) -> Work:
        for saved in self._store.checkpoints(work.group.runs):
            saved.drop()  # of the width that did not fit
        work = halved(work, self._store.finished, self._first)
        self._display.say(
            f"out of memory: the {len(work.group.runs)} runs left of {work.group.runs[0].arm.name!r} and its group "
            f"go on with {work.layout.lanes} lanes"
        )
        self._store.replace_program(describe_program(work))
        return work

    def _train_once(self, work: Sequence[Work], stop: Stop) -> list[Work]:
        """Train what can be trained; return the groups that ran out of memory."""
        jobs = processes.mine([job for item in sorted(work, key=lambda w: -w.seconds) for job in self._jobs(item)])
        progress = _Progress(self._total, len(self._store.finished), jobs)
        workers = Workers(
            jobs,
            self._datasets,
            stop=stop,
            checkpoints=self._store.checkpoints_folder,
            checkpoint_seconds=self._checkpoint_seconds,
        )
        failed: list[Work] = []
        try:
            for report in workers.reports():
                if isinstance(report, Failure):
                    if not report.out_of_memory:
                        raise report.error
                    workers.forget(report.job.work)
                    failed += [report.job.work] * (report.job.work not in failed)
                else:
                    if report.share == 1.0:
                        self._store.add(block_rows(self._name, report.job.block, report.history))
                    self._display.show(progress.status(report))
        except BaseException:
            stop.ask()
            raise
        finally:
            workers.join()
        return failed

    def _jobs(self, work: Work) -> list[Job]:
        """The group's blocks: first those that an earlier sitting left in training, then its other runs."""
        by_id = {run.run_id: run for run in work.group.runs}
        jobs, taken = [], set()
        for saved in self._store.checkpoints(work.group.runs):
            if saved.layout == work.layout:
                jobs.append(Job(work, tuple(by_id[run_id] for run_id in saved.run_ids), saved))
                taken |= set(saved.run_ids)
        rest = work.group.without(frozenset(taken))
        return jobs + [Job(work, block) for block in rest.blocks(work.layout.lanes)]


class _Progress:
    """How far all blocks together are."""

    def __init__(self, total: int, done: int, jobs: Sequence[Job]) -> None:
        self._total, self._done = total, done
        self._shares = {job.block: job.share_done for job in jobs}
        self._seconds_total = sum((1.0 - job.share_done) * job.work.program.block_seconds for job in jobs)
        self._seconds = 0.0
        self._run_epochs = 0.0

    def status(self, report: Report) -> Status:
        """The state after one more report."""
        job = report.job
        spec, block = job.work.group.spec, job.block
        before, self._shares[block] = self._shares[block], report.share
        self._seconds += (report.share - before) * job.work.program.block_seconds
        self._run_epochs += (report.share - before) * spec.epochs * len(block)
        self._done += len(block) * (report.share == 1.0)
        column = "train_accuracy" if spec.data.split == "none" else "val_accuracy"
        # A run that stopped early shows the last accuracy it had.
        accuracy = [lane[np.isfinite(lane)][-1] for lane in report.history[column][: len(block), : report.epoch + 1]]
        return Status(
            seconds_done=self._seconds,
            seconds_total=self._seconds_total,
            runs_done=self._done,
            runs=self._total,
            run_epochs=self._run_epochs,
            epoch=report.epoch,
            epochs=spec.epochs,
            arms=", ".join(dict.fromkeys(run.arm.name for run in block)),
            best=float(np.max(accuracy)),
            median=float(np.median(accuracy)),
            memory_bytes=resident_bytes(),
        )
