"""Where a study keeps what it has trained, so that nothing is lost and nothing is trained twice."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.files import check_writable, write_json, write_rows
from jaxmlp.study import processes
from jaxmlp.study.arms import Arm, Run, describe_arm, flat_settings, spec_id, varying_settings
from jaxmlp.study.blocks import Layout
from jaxmlp.study.checkpoint import SavedBlock, checkpoint_file, find_blocks
from jaxmlp.study.finished import FinishedBlock
from jaxmlp.study.nets import NETS_FOLDER, Nets, net_file
from jaxmlp.study.plan import Wish, kept_layouts
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE, STEPS_FILE, Results, assemble, assemble_steps
from jaxmlp.training import RunSpec, TrainedNet, save_net

BLOCKS_FOLDER, CHECKPOINTS_FOLDER = "blocks", "checkpoints"
"""Rows of finished blocks and checkpoints of those in training, until `results.parquet` holds them all."""
STEPS_FOLDER = "steps"
"""Inside the blocks' folder: their rows between epochs, until `steps.parquet` holds them all."""
LOCK_FILE = ".lock"
"""Held by the process that works in the folder; the system lets go of it when that process dies, however."""


SITTING = ("started", "command", "commit")
"""Of the manifest, what each sitting has of its own."""


class Store:
    """A study's folder, or the memory alone when it has none.

    Nothing is written before `begin`.

    Raises:
        InputError: the folder exists and `resume` is off, or it cannot be written to.
    """

    def __init__(self, out: Path | None, *, resume: bool) -> None:
        self._out = out
        self._frames: list[pd.DataFrame] = []
        self._steps: list[pd.DataFrame] = []
        self._taken: list[pd.DataFrame] = []
        self._taken_steps: list[pd.DataFrame] = []
        self._nets: dict[str, TrainedNet] = {}
        self._manifest: dict[str, Any] = {}
        self._saved: list[SavedBlock] = []
        self._lock = None if out is None else FileLock(out / LOCK_FILE)
        if out is not None:
            check_writable(out)
            if out.exists():
                if not resume:
                    raise InputError(f"{out} exists already: give another folder, or --resume to continue it")
                if not (out / MANIFEST_FILE).is_file():
                    raise InputError(f"{out} is no study's folder (it has no {MANIFEST_FILE}): give another folder")
                self._acquire()
                self._read(out)
                # Now, before another process of this study trains: all of them must know of the same ones.
                if (out / CHECKPOINTS_FOLDER).is_dir():
                    self._saved = find_blocks(out / CHECKPOINTS_FOLDER)

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
            How many; 0 where the folder holds no finished study. A run whose spec logs steps is taken with them.
        """
        if not Results.saved_in(folder):
            return 0
        missing = {run.run_id: run for run in runs if run.run_id not in self.finished}
        rows = _read_runs(folder / ROWS_FILE, missing, experiment)
        logging = [run_id for run_id, run in missing.items() if run.arm.spec.evaluation.log_every is not None]
        steps = _read_runs(folder / STEPS_FILE, logging, experiment) if logging else None
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
        """Make the folder and write the manifest, which keeps what earlier sittings trained; return it.

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
            self._acquire()
            write_json(self._out / MANIFEST_FILE, manifest)
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
            write_json(self._out / MANIFEST_FILE, self._manifest)

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
        for saved in find_blocks(folder):
            if done.issuperset(saved.run_ids):
                saved.drop()
        for unfinished in folder.glob(".*"):  # a process died while it wrote
            unfinished.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()

    def close(self) -> None:
        """Let another process work in the folder."""
        if self._out is not None and self._lock is not None and self._lock.is_locked:
            (self._out / LOCK_FILE).unlink(missing_ok=True)
            self._lock.release()

    def _acquire(self) -> None:
        if self._lock is None or not processes.is_first():
            return
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise InputError(
                f"another process is working in {self._out}: wait for it, or give another folder"
            ) from None

    def _read(self, out: Path) -> None:
        self._manifest = json.loads((out / MANIFEST_FILE).read_text(encoding="utf-8"))
        self._frames = _read_frames(out / ROWS_FILE, out / BLOCKS_FOLDER)
        steps = _read_frames(out / STEPS_FILE, out / BLOCKS_FOLDER / STEPS_FOLDER)
        # A block's steps are written before its rows: a stop between the two leaves steps of runs still to be trained.
        finished = list(self.finished)
        self._steps = [frame.loc[frame["run_id"].isin(finished)] for frame in steps]


def _read_frames(whole: Path, blocks: Path) -> list[pd.DataFrame]:
    files: Sequence[Path] = sorted(blocks.glob("[!.]*.parquet"))
    if whole.is_file():
        files = [whole, *files]
    frames: list[pd.DataFrame] = []
    seen: set[str] = set()
    for frame in map(pd.read_parquet, files):
        # A block may outlive its copy in the whole file if a stop fell between the two.
        frames.append(frame.loc[~frame["run_id"].isin(list(seen))])
        seen |= set(frame["run_id"].unique())
    return frames


def _read_runs(file: Path, run_ids: Iterable[str], experiment: str) -> pd.DataFrame:
    """The rows of these runs in a file of a study, as this one's; none where there is no file."""
    if not file.is_file():
        return pd.DataFrame({"run_id": pd.Series(dtype=str)})
    return pd.read_parquet(file, filters=[("run_id", "in", [*run_ids, ""])]).assign(experiment=experiment)


def _renamed(rows: pd.DataFrame, runs: Mapping[str, Run]) -> pd.DataFrame:
    """Rows under the arms' names of this study."""
    return rows.assign(arm=[runs[run_id].arm.name for run_id in rows["run_id"]])
