"""`study.run`: the one entry for everything that trains."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError, check_choice
from jaxmlp.study import processes
from jaxmlp.study.arms import Arm, check_arms, check_seeds, make_run, spec_id
from jaxmlp.study.blocks import STRATEGIES, Group, Layout, make_groups
from jaxmlp.study.finished import KEEP_PARAMS, finish_block
from jaxmlp.study.manifest import describe_program, make_manifest
from jaxmlp.study.memory import Device
from jaxmlp.study.plan import Wish, Work, announce, halved, plan_group
from jaxmlp.study.progress import Display, make_display
from jaxmlp.study.results import Results
from jaxmlp.study.store import Store
from jaxmlp.study.tally import Tally
from jaxmlp.study.tensorboard import ScalarLog
from jaxmlp.study.workers import Failure, Job, Stop, Workers, stop_on_signals
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
    keep_params: str = "none",
    log_dir: Path | None = None,
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
        keep_params: one of `KEEP_PARAMS`: which trained nets the results have, in `out` as nets/RUN_ID.safetensors.
        log_dir: a folder for TensorBoard's files, all metrics of all runs; None writes none.
        display: where progress goes; by default a live display on a terminal, else lines.
        about: more for the manifest, such as the command.

    Returns:
        The rows by arm, seed and epoch, those that `out` held before included, and the manifest.

    Raises:
        InputError: settings that cannot run, equal arms, bad seeds or lanes, or an `out` that is taken, not
            writable, in use, or holds other settings under an arm's name. Raised before anything is written.
        KeyboardInterrupt: Ctrl-C or SIGTERM, its argument the signal's number; all blocks in training are checkpointed
            before.
    """
    seeds = check_seeds(seeds)
    check_arms(arms, dataset)
    _check_options(out, lanes, strategy, checkpoint_minutes, keep_params)
    runs = [make_run(arm, seed, dataset.digest) for arm in arms for seed in seeds]
    asked = _Asked(name, len(runs), Wish(lanes, strategy), checkpoint_minutes * 60.0, keep_params, log_dir)
    store = Store(out, resume=resume)
    try:
        store.check_same_settings(arms, dataset)
        kept = store.layouts({arm.spec for arm in arms}, asked.wish)
        processes.wait_for_all("every process has read the folder")
        groups = make_groups([run for run in runs if run.run_id not in store.finished])
        begin = time.monotonic()
        with display or make_display(name, Console(quiet=not processes.is_first())) as display:
            datasets = {device: jax.device_put(dataset, device) for device in jax.local_devices()}
            session = _Session(asked, store, datasets, display)
            work = session.plan(groups, kept)
            manifest = make_manifest(name, arms, seeds, dataset, [describe_program(item) for item in work])
            store.begin(manifest | (about or {}))
            try:
                session.train(work)
            finally:
                session.close()
        seconds = round(store.seconds_before + time.monotonic() - begin, 1)
        processes.wait_for_all("every process has trained its blocks")
        results = store.results(store.manifest | {"finished": True, "seconds": seconds})
        store.finish(results)
    finally:
        store.close()
    return results


def _check_options(
    out: Path | None, lanes: int | None, strategy: str | None, checkpoint_minutes: float, keep_params: str
) -> None:
    check_choice("keep_params", keep_params, KEEP_PARAMS)
    if lanes is not None:
        check_count("lanes", lanes)
    if strategy is not None:
        check_choice("strategy", strategy, STRATEGIES)
    if math.isnan(checkpoint_minutes) or checkpoint_minutes < 0.0:
        raise InputError(f"checkpoint minutes are {checkpoint_minutes:g}: give 0 (after every chunk) or more")
    if out is None and processes.several():
        raise InputError("several processes need a folder that all of them see: give out")


@dataclass(frozen=True)
class _Asked:
    """What the caller of `run` wants of a sitting."""

    name: str
    total: int
    """Runs in all."""
    wish: Wish
    checkpoint_seconds: float
    keep_params: str
    log_dir: Path | None


class _Session:
    """One sitting of a study: plans its groups, trains their blocks, keeps what they bring."""

    def __init__(self, asked: _Asked, store: Store, datasets: dict[Device, Dataset], display: Display) -> None:
        self._asked, self._store, self._datasets, self._display = asked, store, datasets, display
        self._first = next(iter(datasets.values()))
        self._scalars = None if asked.log_dir is None else ScalarLog(asked.log_dir)

    def plan(self, groups: Sequence[Group], kept: dict[str, Layout]) -> list[Work]:
        """Choose, compile and time every group's program, the longest group first; say what the study will cost."""
        work = [plan_group(group, self._first, self._asked.wish, kept.get(spec_id(group.spec))) for group in groups]
        chosen = processes.agree([x for w in work for x in (w.layout.lanes, STRATEGIES.index(w.layout.strategy))])
        for i, item in enumerate(work):  # another process may have measured otherwise
            layout = Layout(chosen[2 * i], STRATEGIES[chosen[2 * i + 1]])
            if layout != item.layout:
                work[i] = plan_group(item.group, self._first, self._asked.wish, layout)
        if work:
            announce(work, list(self._datasets), self._display)
        return work

    def train(self, work: Sequence[Work]) -> None:
        """Train all blocks; a group that runs out of memory is begun again at half its width."""
        with stop_on_signals() as stop:
            while work:
                failed = self._train_once(work, stop)
                if stop.asked:
                    raise KeyboardInterrupt(stop.signal)
                work = [self._halve(item) for item in failed]

    def close(self) -> None:
        """End what was begun beside training."""
        if self._scalars is not None:
            self._scalars.close()

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
        tally = Tally(self._asked.total, len(self._store.finished), jobs)
        workers = Workers(
            jobs,
            self._datasets,
            stop=stop,
            checkpoints=self._store.checkpoints_folder,
            checkpoint_seconds=self._asked.checkpoint_seconds,
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
                    if report.states is not None:
                        block = report.job.block
                        self._store.add(finish_block(self._asked.name, block, report.states, self._asked.keep_params))
                    if self._scalars is not None:
                        self._scalars.add(report)
                    self._display.show(tally.status(report))
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
