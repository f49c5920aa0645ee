"""`study.run`: the one entry for everything that trains."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from jaxmlp.data import Dataset
from jaxmlp.errors import check_path
from jaxmlp.probes import Probe
from jaxmlp.study import processes
from jaxmlp.study.arguments import check_given, check_options
from jaxmlp.study.arms import Arm, Run, check_arms, check_fingerprints, make_run, seeds_by_arm, spec_id
from jaxmlp.study.blocks import Group, Layout, make_groups
from jaxmlp.study.finished import FinishedBlock, finish_block
from jaxmlp.study.forks import Forks, families
from jaxmlp.study.kept import tables_of
from jaxmlp.study.manifest import check_ambient, check_same_settings, describe_program, layouts_of, make_manifest
from jaxmlp.study.memory import Device
from jaxmlp.study.notes import notes_after, notes_before
from jaxmlp.study.plan import THIS_MACHINE, Machine, Wish, Work, announce, halved, plan_groups
from jaxmlp.study.progress import Display, make_display
from jaxmlp.study.results import Results
from jaxmlp.study.sizes import check_sizes
from jaxmlp.study.store import Store
from jaxmlp.study.tally import Tally
from jaxmlp.study.tensorboard import ScalarLog
from jaxmlp.study.watch import Watch
from jaxmlp.study.watch_checks import check_probes, check_same_probes
from jaxmlp.study.workers import Failure, Job, Report, Stop, Workers, stop_on_signals
from jaxmlp.training import RunState, phases
from jaxmlp.training.state import RUNS

CHECKPOINT_MINUTES = 5.0


def run(
    arms: Sequence[Arm],
    dataset: Dataset,
    *,
    seeds: int | Sequence[int] | Mapping[str, int | Sequence[int]],
    name: str = "study",
    out: Path | str | None = None,
    resume: bool = False,
    lanes: int | None = None,
    strategy: str | None = None,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    keep_params: str = "none",
    log_dir: Path | str | None = None,
    display: Display | None = None,
    about: dict[str, Any] | None = None,
    beside: Sequence[Path] = (),
    probes: Sequence[Probe] = (),
    machine: Machine = THIS_MACHINE,
) -> Results:
    """Train every arm with every seed, vmapped over lanes, one compiled program per distinct spec.

    Blocks of runs go to all local devices, and where `jax.distributed` was initialized to all processes.
    Arms that differ by `RunSpec.interventions` alone fork from one past, which is trained once per seed; the manifest's
    `steps_trained` counts the updates of all runs, of calls that ended well.

    Args:
        arms: the settings.
        dataset: from `data.load`.
        seeds: n for seeds 0 to n − 1, or the seeds themselves; all arms share them, unless it says so by arm.
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
        about: more for the manifest, such as the command; its `rules` say what judges the runs, and stay when resuming.
        beside: folders that may hold finished studies; what they have trained already is taken over, unless nets are
            to be kept. The manifest's `taken_over` says how many runs came from where.
        probes: what watches the runs, each into a table of its own, see `jaxmlp.probes`; no number of a run depends on
            them. Runs that lack a table that is asked for are trained again.
        machine: what compiles the programs, limits their memory and counts the devices.

    Returns:
        The rows by arm, seed and epoch, those that `out` held before included, the probes' tables and the manifest.

    Raises:
        InputError: settings that cannot run, equal arms, bad seeds or lanes, probes that do not fit, or an `out` that
            is taken, not writable, in use, or holds other settings under an arm's name or other probes' rows. Raised
            before anything is written.
        KeyboardInterrupt: Ctrl-C or SIGTERM, its argument the signal's number; all blocks in training are checkpointed
            before.

    >>> from jaxmlp import data, nn, study, training
    >>> spec = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none"), epochs=2)
    >>> arms = [study.Arm(f"rate {rate}", spec, training.Hyper(learning_rate=rate)) for rate in (0.001, 0.01)]
    >>> results = study.run(arms, data.load("iris"), seeds=2, display=study.LineDisplay("rates", Console(quiet=True)))
    >>> len(results.rows)  # two arms, two seeds, epochs 0 to 2
    12
    >>> len(results.manifest["programs"])  # a rate is a number: both arms share one
    1
    """
    check_given(arms, name, about, beside, probes)
    for what, folder in (("out", out), ("log_dir", log_dir)):
        if folder is not None:
            check_path(what, folder)
    out, log_dir = (None if folder is None else Path(folder) for folder in (out, log_dir))
    check_arms(arms, dataset)
    by_arm = seeds_by_arm(arms, seeds)
    check_options(out, lanes, strategy, checkpoint_minutes, keep_params, log_dir)
    check_sizes(arms, {name: len(own) for name, own in by_arm.items()}, len(dataset.train_inputs), lanes)
    if out is not None:
        check_fingerprints(arms)
    digest = dataset.digest
    runs = [make_run(arm, seed, digest) for arm in arms for seed in by_arm[arm.name]]
    probes = check_probes(probes, arms, dataset)
    asked = _Asked(name, Wish(lanes, strategy), checkpoint_minutes * 60.0, keep_params, log_dir, probes, machine)
    probed = [probe.table.name for probe in probes]
    store = Store(out, resume=resume, asked={run.run_id: tables_of(run, probed) for run in runs})
    before, steps_before = store.seconds_before, store.steps_before
    try:
        check_ambient(store.manifest)
        watched = check_same_probes(store.manifest, probes)
        check_same_settings(store.manifest, arms, dataset, out)
        specs = {phase.spec for arm in arms for phase in phases(arm.spec, arm.hyper)}
        kept = layouts_of(store.manifest, specs, asked.wish, out)
        taken = {
            folder.name: count
            for folder in beside
            if keep_params == "none" and (count := store.take_over(folder, runs, name))
        }
        processes.wait_for_all("every process has read the folders")
        finished = store.finished
        forks = store.forks(probes)
        groups = make_groups(forks.plan([run for run in runs if run.run_id not in finished]))
        begin = time.monotonic()
        store.claim()
        with display or make_display(name, Console(quiet=not processes.is_first())) as display:
            known = [] if keep_params == "none" else [run for run in runs if run.run_id in finished]
            for line in (*store.damaged, *store.retrained, *_without_nets(store, known), *notes_before(arms)):
                display.say(line)
            datasets = {device: jax.device_put(dataset, device) for device in jax.local_devices()}
            session = _Session(asked, store, forks, datasets, display)
            work = session.plan(groups, kept)
            every_seed = sorted(set().union(*by_arm.values()))
            manifest = make_manifest(name, arms, every_seed, dataset, [describe_program(item) for item in work])
            # A rule that has changed since an earlier call is not the one that these runs were declared with.
            rules = {"rules": (about or {}).get("rules", {}) | store.manifest.get("rules", {})}
            taken_over = {"taken_over": store.manifest.get("taken_over", {}) | taken}
            store.begin(manifest | (about or {}) | rules | taken_over | {"probes": watched})
            try:
                session.train(work)
            finally:
                session.close()
        seconds = round(before + (time.monotonic() - begin if work else 0.0), 1)
        # Which is also when every process has trained its blocks.
        store.note_programs([program for told in processes.gather(session.narrowed) for program in told])
        steps = steps_before + sum(processes.gather(session.steps_trained))
        results = store.results(store.manifest | {"seconds": seconds, "steps_trained": steps})
        _check_complete(results, runs)
        left = _arms_left(results)
        results = replace(results, manifest=results.manifest | {"finished": not left})
        if processes.is_first():
            unfinished = [f"not finished: {', '.join(left)} of this study has no runs yet"] if left else []
            for line in (*notes_after(results.rows), *unfinished):
                display.say(line)
        processes.wait_for_all("every process has read the blocks")
        store.finish(results)
    except KeyboardInterrupt:
        processes.leave_together()
        raise
    finally:
        store.close()
    return results


def _without_nets(store: Store, finished: Sequence[Run]) -> list[str]:
    """One line where nets are asked for of runs that are trained already, and were not kept."""
    lacking = [run for run in finished if not store.has_net(run.run_id)]
    if not lacking:
        return []
    return [f"{len(lacking)} runs are trained already, without their nets: keep_params is of those trained from now on"]


def _arms_left(results: Results) -> list[str]:
    """Arms of the study without a run, though all that was asked of this call is there."""
    there = set(results.rows["arm"].unique())
    return [name for name in results.manifest["arms"] if name not in there]


def _check_complete(results: Results, runs: Sequence[Run]) -> None:
    """The last word on "nothing is lost"; only a fault of this package could make it false."""
    missing = {run.run_id for run in runs} - set(results.rows["run_id"])
    if missing:
        raise RuntimeError(f"{len(missing)} of {len(runs)} runs were not trained: run the same again with resume")


@dataclass(frozen=True)
class _Asked:
    """What the caller of `run` wants of a call."""

    name: str
    wish: Wish
    checkpoint_seconds: float
    keep_params: str
    log_dir: Path | None
    probes: tuple[Probe, ...]
    machine: Machine


class _Session:
    """One call of `run`: plans its groups, trains their blocks, keeps what they bring."""

    def __init__(
        self, asked: _Asked, store: Store, forks: Forks, datasets: dict[Device, Dataset], display: Display
    ) -> None:
        self._asked, self._store, self._forks, self._datasets, self._display = asked, store, forks, datasets, display
        self._first = next(iter(datasets.values()))
        self._scalars: ScalarLog | None = None
        self.narrowed: list[dict[str, Any]] = []
        """Programs that took the place of wider ones, as `describe_program` says them."""
        self.steps_trained = 0
        """Updates of all runs of the blocks that were done, without padding."""
        self._pasts: frozenset[str] = frozenset()

    def plan(self, groups: Sequence[Group], kept: dict[str, Layout]) -> list[Work]:
        """Choose, compile and time every group's program; say what the study will cost.

        All processes plan all groups, and go by what the first one chose.
        """
        if groups:
            self._display.say(f"compiling {len(groups)} program{'s' if len(groups) > 1 else ''}")
        work = plan_groups(groups, self._first, self._asked.wish, kept, self._asked.machine)
        for item in work:
            asked = kept[spec_id(item.group.spec)].lanes if item.chosen_by == "kept" else self._asked.wish.lanes
            if asked is not None and item.layout.lanes < asked:
                self._display.say(
                    f"out of memory: {item.group.runs[0].arm.name!r} and its group go on with {item.layout.lanes} lanes"
                )
        chosen = processes.agree([(item.layout.lanes, item.layout.strategy) for item in work])
        for i, (item, layout) in enumerate(zip(work, chosen, strict=True)):
            if Layout(*layout) != item.layout:
                chosen_layout = {spec_id(item.group.spec): Layout(*layout)}
                (work[i],) = plan_groups(
                    [item.group], self._first, self._asked.wish, chosen_layout, self._asked.machine
                )
        if work:
            announce(work, list(self._datasets), self._display, self._asked.machine)
        return work

    def train(self, work: Sequence[Work]) -> None:
        """Train this process's share of all blocks; a group that runs out of memory goes on at half its width."""
        if self._asked.log_dir is not None:  # not sooner: a study that is refused while it is planned writes nothing
            self._scalars = ScalarLog(self._asked.log_dir)
        with stop_on_signals() as stop:
            jobs = self._share(work)
            while jobs:
                failed, left = self._train_once(jobs, stop)
                if stop.asked:
                    raise KeyboardInterrupt(stop.signal)
                jobs = [job for item in failed for job in self._halve(item)] + (left if failed else [])

    def close(self) -> None:
        """End what was begun beside training."""
        if self._scalars is not None:
            self._scalars.close()

    def _share(self, work: Sequence[Work]) -> list[Job]:
        """This process's blocks, the longest first; what forks is where its past is. A group is narrowed to them:
        whatever becomes of it later is this process's own business.
        """
        seconds = processes.agree([item.program.block_seconds for item in work])
        jobs = [(-seconds[i], i, job) for i, item in enumerate(work) for job in self._jobs(item)]
        longest_first = [job for _, _, job in sorted(jobs, key=lambda entry: entry[:2])]
        together = families([job.block for job in longest_first])
        own = [longest_first[i] for family in processes.mine(together) for i in family]
        blocks: dict[int, list[Job]] = {}
        for job in own:
            blocks.setdefault(id(job.work), []).append(job)
        narrow = {}
        for key, mine in blocks.items():
            group = Group(mine[0].work.group.spec, tuple(run for job in mine for run in job.block))
            narrow[key] = replace(mine[0].work, group=group)
        return [replace(job, work=narrow[id(job.work)]) for job in own]

    def _halve(self, work: Work) -> list[Job]:
        work = halved(work, self._store.finished | self._pasts, self._first, self._asked.machine)
        self._display.say(
            f"out of memory: the {len(work.group.runs)} runs left of {work.group.runs[0].arm.name!r} and its group "
            f"go on with {work.layout.lanes} lanes"
        )
        self.narrowed.append(describe_program(work))
        self._store.note_programs(self.narrowed[-1:])
        return [Job(work, block) for block in work.group.blocks(work.layout.lanes)]

    def _train_once(self, jobs: Sequence[Job], stop: Stop) -> tuple[list[Work], list[Job]]:
        """Train what can be trained; return the groups that ran out of memory, and blocks that wait for their forks."""
        tally = Tally(len(self._store.finished), jobs)
        workers = Workers(
            jobs,
            self._datasets,
            forks=self._forks,
            stop=stop,
            checkpoints=self._store.checkpoints_folder,
            checkpoint_seconds=self._asked.checkpoint_seconds,
            probes=self._asked.probes,
            make_program=self._asked.machine.program,
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
                    self._keep(report)
                    if self._scalars is not None and not report.job.is_past:
                        self._scalars.add(report)
                    self._display.show(tally.status(report))
        except BaseException:
            stop.ask()
            raise
        finally:
            workers.join()
        return failed, workers.left

    def _keep(self, report: Report) -> None:
        """What a block leaves when it is done."""
        block = report.job.block
        if report.share < 1.0:
            return
        if report.states is not None:
            self._store.add(self._finished(report, report.states))
        else:
            self._store.drop_checkpoint(block)
            self._pasts |= {run.run_id for run in block}
        self._forks.drop(block)
        self.steps_trained += report.steps * len(block)

    def _finished(self, report: Report, states: RunState) -> FinishedBlock:
        name, block = self._asked.name, report.job.block
        finished = finish_block(name, block, states, self._asked.keep_params)
        watch = Watch(self._asked.probes, report.job.work.program)
        seen = watch.tables(name, block, report.records, finished.tables[RUNS.name])
        return replace(finished, tables=finished.tables | seen)

    def _jobs(self, work: Work) -> list[Job]:
        """The group's blocks: first those that an earlier call left in training, then its other runs."""
        probes = tuple(map(repr, self._asked.probes))
        by_id = {run.run_id: run for run in work.group.runs}
        jobs, taken = [], set()
        for saved in self._store.checkpoints(work.group.runs):
            block = tuple(by_id[run_id] for run_id in saved.run_ids)
            # A block that is past an epoch after which its states are wanted has to begin again.
            wanted = [epoch * work.program.steps_per_epoch for epoch in self._forks.wanted(block)]
            missed = any(clock <= saved.clock for clock in wanted)
            if saved.probes != probes:
                self._display.say(f"a block of {len(saved.run_ids)} runs begins anew: its checkpoint has other probes")
            elif saved.layout == work.layout and taken.isdisjoint(saved.run_ids) and not missed:
                jobs.append(Job(work, block, saved))
                taken |= set(saved.run_ids)
        rest = work.group.without(frozenset(taken))
        return jobs + [Job(work, block) for block in rest.blocks(work.layout.lanes)]
