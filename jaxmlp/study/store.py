"""Where a study keeps what it has trained, so that nothing is lost and nothing is trained twice."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.files import (
    DamagedFileError,
    check_writable,
    read_rows,
    write_rows,
    write_sealed_json,
)
from jaxmlp.study import processes
from jaxmlp.study.arms import Arm, Run, describe_arm, flat_settings, spec_id, varying_settings
from jaxmlp.study.blocks import Layout
from jaxmlp.study.checkpoint import SavedBlock, checkpoint_file, find_blocks
from jaxmlp.study.finished import FinishedBlock
from jaxmlp.study.folder import (
    BLOCKS_FOLDER,
    CHECKPOINTS_FOLDER,
    LOCK_FILE,
    OWN_FOLDERS,
    STEPS_FOLDER,
    is_new,
    read_manifest,
    read_runs,
    read_whole,
    sweep,
    taken_already,
    unseen,
)
from jaxmlp.study.manifest import ambient_of, ambient_state
from jaxmlp.study.nets import NETS_FOLDER, Nets, net_file
from jaxmlp.study.plan import Wish, kept_layouts
from jaxmlp.study.results import (
    MANIFEST_FILE,
    ROWS_FILE,
    STEP_KEYS,
    STEPS_FILE,
    Results,
    assemble,
    assemble_steps,
)
from jaxmlp.study.tables import ROW_COLUMNS
from jaxmlp.training import Net, RunSpec, save_net

LOCK_TRIES = 100

SITTING = ("started", "command", "commit")
"""Of the manifest, what each sitting has of its own."""


class Store:
    """A study's folder, or the memory alone when it has none.

    A folder that is continued is locked at once, a new one by `claim`. A folder without a manifest, in which a study
    was killed before it began, is new. Nothing that it holds is trusted: what is damaged is trained again, or named.

    Raises:
        InputError: the folder is taken and `resume` is off, another process works in it, or it cannot be written to.
        DamagedFileError: its manifest, or the file of all rows or steps.
    """

    def __init__(self, out: Path | None, *, resume: bool) -> None:
        self._out = out
        self._frames: list[pd.DataFrame] = []
        self._steps: list[pd.DataFrame] = []
        self._taken: list[pd.DataFrame] = []
        self._taken_steps: list[pd.DataFrame] = []
        self._nets: dict[str, Net] = {}
        self._manifest: dict[str, Any] = {}
        self._saved: list[SavedBlock] = []
        self._made: list[Path] = []
        self.damaged: list[str] = []
        """What was found damaged, a line each; its runs are trained again."""
        self._lock = None if out is None else FileLock(out / LOCK_FILE)
        if out is not None:
            check_writable(out)
            if not is_new(out):
                if not resume:
                    raise taken_already(out)
                if not (out / MANIFEST_FILE).is_file():
                    raise InputError(f"{out} is no study's folder (it has no {MANIFEST_FILE}): give another folder")
            if out.exists():
                self._open(out)

    def _open(self, out: Path) -> None:
        self._acquire(out)
        try:
            if not is_new(out):
                self._read(out)
                # Now, before another process of this study trains: all of them must know of the same ones.
                if (out / CHECKPOINTS_FOLDER).is_dir():
                    self._saved = find_blocks(out / CHECKPOINTS_FOLDER)
        except BaseException:
            self.close()
            raise

    def claim(self) -> None:
        """Make a new folder and lock it: before the long work of planning, and after every check of what was asked.

        Processes of one study call it when all of them have looked at the folder.

        Raises:
            InputError: another process came first.
        """
        if self._out is None or self._lock is None or self._lock.is_locked or not processes.is_first():
            return
        self._made = [folder for folder in (self._out, *self._out.parents) if not folder.exists()]
        self._acquire(self._out)
        if not is_new(self._out):  # another process made it, and ended, since this one looked
            self.close()
            raise taken_already(self._out)

    @property
    def manifest(self) -> dict[str, Any]:
        """What the study's manifest says now."""
        return self._manifest

    @property
    def finished(self) -> frozenset[str]:
        """Ids of the runs that are trained already."""
        return frozenset(run_id for frame in (*self._frames, *self._taken) for run_id in frame["run_id"].unique())

    @property
    def seconds_before(self) -> float:
        """Seconds spent by earlier sittings that ended well; read it before `begin`, which renews the manifest."""
        return float(self._manifest.get("seconds", 0.0))

    def check_same_settings(self, arms: Iterable[Arm], dataset: Dataset) -> None:
        """Raise `InputError` where the folder's study has other data, or another setting under an arm's name."""
        data = self._manifest.get("dataset", {"digest": dataset.digest, "name": dataset.name})
        if data["digest"] != dataset.digest:
            raise InputError(f"{self._out} is a study of {data['name']} with other data: give another folder")
        kept = self._manifest.get("arms", {})
        for arm in arms:
            asked = describe_arm(arm)
            before = kept.get(arm.name, asked)
            if before != asked:
                now, then = flat_settings(asked), flat_settings(before)
                other = [
                    f"{name} {then.get(name)} instead of {now[name]}" for name in now if now[name] != then.get(name)
                ]
                raise InputError(
                    f"{self._out} holds arm {arm.name!r} with other settings ({', '.join(other)}): "
                    "give another folder, delete this one, or give the settings of before"
                )

    def take_over(self, folder: Path, runs: Sequence[Run], experiment: str) -> int:
        """Take over those of the missing `runs` that another finished study holds, under this study's names.

        Returns:
            How many; 0 where the folder holds no finished study, a damaged one, or one of another setting of jax. A
            run whose spec logs steps is taken with them.
        """
        if not Results.saved_in(folder):
            return 0
        missing = {run.run_id: run for run in runs if run.run_id not in self.finished}
        logging = [run_id for run_id, run in missing.items() if run.arm.spec.evaluation.log_every is not None]
        try:
            if ambient_of(read_manifest(folder / MANIFEST_FILE)) != ambient_state():
                return 0
            rows = read_runs(folder / ROWS_FILE, ROW_COLUMNS, missing, experiment)
            steps = read_runs(folder / STEPS_FILE, STEP_KEYS, logging, experiment) if logging else None
        except DamagedFileError as error:
            self.damaged.append(f"nothing is taken over from {folder}: {error}")
            return 0
        if steps is not None:
            rows = rows.loc[~rows["run_id"].isin(sorted(set(logging) - set(steps["run_id"])))]
            self._taken_steps.append(_renamed(steps, missing))
        self._taken.append(_renamed(rows, missing))
        return len(set(rows["run_id"]))

    def layouts(self, specs: Iterable[RunSpec], wish: Wish) -> dict[str, Layout]:
        """By spec id, the layouts that an earlier sitting fixed.

        Raises:
            InputError: the wish is another one.
        """
        ids = {spec_id(spec) for spec in specs}
        kept = {key: lay for key, lay in kept_layouts(self._manifest.get("programs", [])).items() if key in ids}
        for layout in kept.values():
            if wish.lanes not in (None, layout.lanes) or wish.strategy not in (None, layout.strategy):
                raise InputError(
                    f"{self._out} was begun with {layout.lanes} lanes and strategy {layout.strategy}: "
                    f"leave lanes and strategy out when resuming"
                )
        return kept

    def begin(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Write the manifest, which keeps what earlier sittings trained; return it.

        `sittings` are those that trained: when, from which command and, where `manifest` says it, which commit.
        """
        known, programs = self._manifest, manifest["programs"]
        merged = {
            "programs": [p for p in known.get("programs", []) if p["spec_id"] not in {q["spec_id"] for q in programs}]
            + programs,
            "arms": known.get("arms", {}) | manifest["arms"],
            "seeds": sorted({*manifest["seeds"], *known.get("seeds", [])}),
            "sittings": list(known.get("sittings", [])),
            "taken_over": manifest.get("taken_over", {}),
        }
        if programs:
            merged["sittings"].append({name: manifest[name] for name in SITTING if name in manifest})
        elif known:
            # Who trains nothing has nothing to say about how the numbers came to be.
            manifest = manifest | known | {"finished": False}
        manifest = manifest | merged
        self._manifest = manifest
        if self._out is not None and processes.is_first():
            (self._out / BLOCKS_FOLDER).mkdir(parents=True, exist_ok=True)
            write_sealed_json(self._out / MANIFEST_FILE, manifest)
            self._made = []
        processes.wait_for_all("the study's folder is there")
        return manifest

    def note_programs(self, narrowed: Iterable[dict[str, Any]]) -> None:
        """Note that groups went on with narrower programs than the manifest says."""
        for program in narrowed:
            others = [p for p in self._manifest["programs"] if p["spec_id"] != program["spec_id"]]
            (known,) = [p for p in self._manifest["programs"] if p["spec_id"] == program["spec_id"]]
            narrowest = min(known, program, key=lambda p: p["lanes"])
            self._manifest = self._manifest | {"programs": [*others, narrowest]}
        if self._out is not None and processes.is_first():
            write_sealed_json(self._out / MANIFEST_FILE, self._manifest)

    @property
    def checkpoints_folder(self) -> Path | None:
        """Where blocks in training are checkpointed; None in memory."""
        return None if self._out is None else self._out / CHECKPOINTS_FOLDER

    def checkpoints(self, runs: Sequence[Run]) -> list[SavedBlock]:
        """Checkpoints, found when the folder was opened, of blocks whose runs are all among these."""
        wanted = {run.run_id for run in runs}
        return [saved for saved in self._saved if wanted.issuperset(saved.run_ids)]

    def add(self, finished: FinishedBlock) -> None:
        """Keep one finished block and drop its checkpoint. Its rows are written last: they are what makes it done."""
        rows, steps = finished.rows, finished.steps
        self._frames.append(rows)
        self._steps += [] if steps is None else [steps]
        if self._out is None:
            self._nets |= finished.nets
            return
        block = rows["run_id"].iloc[0]
        for run_id, net in finished.nets.items():
            (self._out / NETS_FOLDER).mkdir(exist_ok=True)
            save_net(net_file(self._out, run_id), net, self._about(run_id, rows))
        if steps is not None:
            (self._out / BLOCKS_FOLDER / STEPS_FOLDER).mkdir(exist_ok=True)
            write_rows(self._out / BLOCKS_FOLDER / STEPS_FOLDER / f"{block}.parquet", steps)
        write_rows(self._out / BLOCKS_FOLDER / f"{block}.parquet", rows)
        checkpoint_file(self._out / CHECKPOINTS_FOLDER, block).unlink(missing_ok=True)

    def _about(self, run_id: str, rows: pd.DataFrame) -> dict[str, Any]:
        run = rows.loc[rows["run_id"] == run_id].iloc[-1]
        about = {"experiment": run["experiment"], "arm": run["arm"], "seed": int(run["seed"])}
        return about | {"run_id": run_id, "dataset": self._manifest["dataset"]["name"]}

    def results(self, manifest: dict[str, Any]) -> Results:
        """Everything kept so far, by every process."""
        if self._out is not None and processes.several():
            self._read(self._out)
        settings = varying_settings(manifest["arms"])
        logged = [*self._steps, *(frame for frame in self._taken_steps if len(frame))]
        steps = assemble_steps(logged, settings) if logged else None
        frames = [*self._frames, *(frame for frame in self._taken if len(frame))]
        rows = assemble(pd.concat(frames, ignore_index=True), settings)
        nets = Nets(self._nets, self._out)
        return Results(rows, manifest, steps, nets)

    def finish(self, results: Results) -> None:
        """Write the study's files and drop what they now contain."""
        if self._out is not None and processes.is_first():
            results.save(self._out)
            shutil.rmtree(self._out / BLOCKS_FOLDER)
            self._drop_checkpoints(frozenset(results.rows["run_id"]))
        processes.wait_for_all("the study's files are written")

    def _drop_checkpoints(self, done: frozenset[str]) -> None:
        """Those of finished runs; an arm that was left out this time may still have others."""
        folder = self.checkpoints_folder
        if folder is None or not folder.is_dir():
            return
        readable = find_blocks(folder)
        for saved in readable:
            if done.issuperset(saved.run_ids):
                saved.drop()
        for damaged in {*folder.glob("*.safetensors")} - {saved.path for saved in readable}:
            damaged.unlink()
        sweep(folder)
        if not any(folder.iterdir()):
            folder.rmdir()

    def close(self) -> None:
        """Let another process work in the folder; one that this process made, and did not begin, goes."""
        if self._out is not None and self._lock is not None and self._lock.is_locked:
            (self._out / LOCK_FILE).unlink(missing_ok=True)
            for folder in self._made:
                with suppress(OSError):  # something is in it
                    folder.rmdir()
            self._lock.release()

    def _acquire(self, out: Path) -> None:
        """Hold the lock of the folder, made where need be, and sweep it.

        A process that ends removes its lock file. Another one may have opened that file just before: it would then hold
        a lock on a file without a name, and a third process one on the next file of that name. So the name must, when
        the lock is held, still be that of the file that was there before; else it is tried again. The file is kept open
        for that long: its number cannot come back meanwhile.
        """
        if self._lock is None or not processes.is_first():
            return
        path = out / LOCK_FILE
        with suppress(Timeout):
            for _ in range(LOCK_TRIES):
                with suppress(FileNotFoundError):  # the folder or the file went between two lines
                    out.mkdir(parents=True, exist_ok=True)
                    with path.open("a") as file:
                        self._lock.acquire(blocking=False)
                        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                            sweep(*(out / name for name in OWN_FOLDERS))
                            return
                self._lock.release()
        raise InputError(f"another process is working in {out}: wait for it, or give another folder")

    def _read(self, out: Path) -> None:
        self._manifest = read_manifest(out / MANIFEST_FILE)
        rows, steps = read_whole(out)
        for path in sorted((out / BLOCKS_FOLDER).glob("[!.]*.parquet")):
            try:
                block = read_rows(path, ROW_COLUMNS)
                logged = path.parent / STEPS_FOLDER / path.name
                # A block's steps are written before its rows: those of a block without rows are never read.
                block_steps = [read_rows(logged, STEP_KEYS)] if logged.is_file() else []
            except DamagedFileError as error:
                self.damaged.append(f"its runs are trained again: {error}")
                continue
            rows.append(unseen(block, rows))
            steps += [unseen(frame, steps) for frame in block_steps]
        self._frames = rows
        finished = list(self.finished)
        self._steps = [frame.loc[frame["run_id"].isin(finished)] for frame in steps]


def _renamed(rows: pd.DataFrame, runs: Mapping[str, Run]) -> pd.DataFrame:
    """Rows under the arms' names of this study."""
    return rows.assign(arm=[runs[run_id].arm.name for run_id in rows["run_id"]])
