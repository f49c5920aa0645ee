"""`study.run`: the one entry for everything that trains."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from jaxmlp.data import Dataset
from jaxmlp.study.arms import Arm, Run, check_arms, check_seeds, make_run, varying_settings
from jaxmlp.study.blocks import Group, make_groups
from jaxmlp.study.manifest import describe_program, make_manifest
from jaxmlp.study.program import Program
from jaxmlp.study.progress import Display, Status, make_display
from jaxmlp.study.results import Results, assemble, block_rows
from jaxmlp.study.store import Store
from jaxmlp.training import check_count


def run(
    arms: Sequence[Arm],
    dataset: Dataset,
    *,
    seeds: int | Sequence[int],
    name: str = "study",
    out: Path | None = None,
    resume: bool = False,
    lanes: int | None = None,
    display: Display | None = None,
    about: dict[str, Any] | None = None,
) -> Results:
    """Train every arm with every seed, vmapped over lanes, one compiled program per distinct spec.

    Args:
        arms: the settings.
        dataset: from `data.load`.
        seeds: n for seeds 0 to n − 1, or the seeds themselves; all arms share them.
        name: the study's name, the rows' `experiment` column.
        out: a folder for the study's files; finished blocks are saved there as they come. None keeps all
            in memory.
        resume: continue what `out` holds: only missing runs are trained.
        lanes: W, how many runs share a block; by default chosen per group, see `blocks.choose_lanes`, or as
            before when resuming. Runs are bit for bit equal at equal W, and agree in distribution otherwise.
        display: where progress goes; by default a live display on a terminal, else lines.
        about: more for the manifest, such as the command.

    Returns:
        The rows by arm, seed and epoch, those that `out` held before included, and the manifest.

    Raises:
        InputError: settings that cannot run, equal arms, bad seeds or lanes, or an `out` that is taken, not
            writable, or holds other settings under an arm's name. Raised before anything is written.
    """
    seeds = check_seeds(seeds)
    check_arms(arms, dataset)
    if lanes is not None:
        check_count("lanes", lanes)
    runs = [make_run(arm, seed, dataset.digest) for arm in arms for seed in seeds]
    store = Store(out, resume=resume)
    store.check_same_settings(arms, dataset)
    fixed = store.lanes({arm.spec for arm in arms}, lanes)
    missing = [run for run in runs if run.run_id not in store.finished]
    begin = time.monotonic()
    with display or make_display(name, Console()) as display:
        work = _compile(make_groups(missing, fixed), jax.device_put(dataset), display)
        programs = [describe_program(item.group, item.program) for item in work]
        manifest = make_manifest(name, arms, seeds, dataset, programs) | (about or {})
        manifest = store.begin(manifest)
        _train(work, name, store, display, total=len(runs))
    seconds = round(store.seconds_before + time.monotonic() - begin, 1)
    rows = assemble(store.rows(), varying_settings(manifest["arms"]))
    results = Results(rows, manifest | {"finished": True, "seconds": seconds})
    store.finish(results)
    return results


@dataclass(frozen=True)
class _Work:
    """A group and its compiled program."""

    group: Group
    program: Program

    @property
    def seconds(self) -> float:
        return len(self.group.blocks) * self.program.block_seconds


def _compile(groups: Sequence[Group], dataset: Dataset, display: Display) -> list[_Work]:
    """Compile and time every group's program, and say what the study will cost."""
    work = [_Work(group, Program(group.spec, dataset, group.lanes)) for group in groups]
    if work:
        runs, blocks = (
            sum(len(x) for x in xs) for xs in zip(*((i.group.runs, i.group.blocks) for i in work), strict=True)
        )
        seconds = sum(item.seconds for item in work)
        memory = max(item.program.cost.memory_bytes for item in work)
        display.say(
            f"estimate: {runs} runs as {len(work)} compiled programs in {blocks} blocks: "
            f"about {seconds / 60:.1f} min, {memory / 1e6:.0f} MB"
        )
    return work


def _train(
    work: Sequence[_Work],
    name: str,
    store: Store,
    display: Display,
    *,
    total: int,
) -> None:
    """Train block after block; each one's rows are kept as soon as it ends."""
    runs_done = total - sum(len(item.group.runs) for item in work)
    seconds_done, seconds_total = 0.0, sum(item.seconds for item in work)
    for item in work:
        for block in item.group.blocks:
            for epoch, share, history in _train_block(item.program, block):
                if share == 1.0:
                    store.add(block_rows(name, block, history))
                    runs_done += len(block)
                seconds = seconds_done + share * item.program.block_seconds
                position = {"runs_done": runs_done, "runs": total, "epoch": epoch}
                display.show(_status(item, block, history, seconds, seconds_total, **position))
            seconds_done += item.program.block_seconds


def _train_block(program: Program, block: tuple[Run, ...]):
    """Yield (epochs done, share done, history [W, E + 1] of each metric) after every chunk."""
    states, hypers = program.start(block)
    steps = program.steps_per_epoch
    for clock, count, repeats in program.chunks():
        states = program.advance(states, hypers, clock, count, repeats)
        done = clock + count * repeats
        yield done // steps, done / (steps * program.spec.epochs), jax.device_get(states.history)


def _status(
    item: _Work,
    block: Sequence[Run],
    history: dict[str, np.ndarray],
    seconds: float,
    seconds_total: float,
    *,
    epoch: int,
    runs_done: int,
    runs: int,
) -> Status:
    column = "train_accuracy" if item.group.spec.data.split == "none" else "val_accuracy"
    # A run that stopped early shows the last accuracy it had.
    accuracy = [lane[np.isfinite(lane)][-1] for lane in history[column][: len(block), : epoch + 1]]
    return Status(
        seconds_done=seconds,
        seconds_total=seconds_total,
        runs_done=runs_done,
        runs=runs,
        epoch=epoch,
        epochs=item.group.spec.epochs,
        arms=", ".join(dict.fromkeys(run.arm.name for run in block)),
        best=float(np.max(accuracy)),
        median=float(np.median(accuracy)),
    )
