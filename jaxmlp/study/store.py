"""Where a study keeps what it has trained, so that nothing is lost and nothing is trained twice."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxmlp.errors import InputError
from jaxmlp.files import DamagedFileError, check_writable, write_sealed_json
from jaxmlp.probes import Probe
from jaxmlp.study import processes
from jaxmlp.study.arms import Run
from jaxmlp.study.checkpoint import SavedBlock, checkpoint_file, find_blocks
from jaxmlp.study.finished import FinishedBlock
from jaxmlp.study.folder import (
    BLOCKS_FOLDER,
    CHECKPOINTS_FOLDER,
    FORKS_FOLDER,
    block_files,
    drop_checkpoints,
    is_new,
    read_block,
    read_manifest,
    read_whole,
    remove_all_temporary,
    taken_already,
    write_block,
)
from jaxmlp.study.forks import Forks
from jaxmlp.study.kept import Kept, KeptTable, finished_runs, only, retrained_lines, under_names
from jaxmlp.study.lock import FolderLock
from jaxmlp.study.manifest import (
    ambient_of,
    ambient_state,
    continued,
    describe_tables,
    with_narrowed,
)
from jaxmlp.study.nets import NETS_FOLDER, Nets, net_file
from jaxmlp.study.results import MANIFEST_FILE, Results, assemble_all
from jaxmlp.training import Net, save_net
from jaxmlp.training.state import EPOCHS


class Store:
    """A study's folder, or the memory alone when it has none.

    A folder that is continued is locked at once, a new one by `claim`. A folder without a manifest, in which a study
    was killed before it began, is new. Nothing that it holds is trusted: what is damaged is trained again, or named.
    Tables that nobody asks for are kept as they are.

    Args:
        out: the folder; None keeps all in memory.
        resume: whether it may hold a study.
        asked: by run id, the tables that a run must be in to count as trained (`tables_of`); "epochs" always.

    Raises:
        InputError: the folder is taken and `resume` is off, another process works in it, it cannot be written to, or a
            newer version wrote it.
        DamagedFileError: its manifest, or the file of a whole table.
    """

    def __init__(self, out: Path | None, *, resume: bool, asked: Mapping[str, Sequence[str]] | None = None) -> None:
        self._out = out
        self._asked = asked or {}
        self._whole: Kept = {}
        self._taken: list[Kept] = []
        self._blocks: list[Kept] = []
        self._nets: dict[str, Net] = {}
        self._manifest: dict[str, Any] = {}
        self._saved: list[SavedBlock] = []
        self._forks: list[SavedBlock] = []
        self._made: list[Path] = []
        self.damaged: list[str] = []
        """What was found damaged, a line each; its runs are trained again."""
        self._lock = None if out is None else FolderLock(out)
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
                self._saved, self._forks = (find_blocks(out / name) for name in (CHECKPOINTS_FOLDER, FORKS_FOLDER))
        except BaseException:
            self.close()
            raise

    def claim(self) -> None:
        """Make a new folder and lock it: before the long work of planning, and after every check of what was asked.

        Processes of one study call it when all of them have looked at the folder.

        Raises:
            InputError: another process came first.
        """
        if self._out is None or self._lock is None or self._lock.held or not processes.is_first():
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
        """Ids of the runs that are trained already, in every table that is asked of them."""
        return finished_runs(self._sources, self._asked)

    def has_net(self, run_id: str) -> bool:
        """Whether the net of a run was kept, by this sitting or an earlier one."""
        return run_id in self._nets or (self._out is not None and net_file(self._out, run_id).is_file())

    @property
    def retrained(self) -> list[str]:
        """Why runs that are trained already are trained again, a line for each table that they lack."""
        return retrained_lines(self._sources, self._asked)

    @property
    def _sources(self) -> list[Kept]:
        """All that is kept, the newest last."""
        return [self._whole, *self._taken, *self._blocks]

    @property
    def seconds_before(self) -> float:
        """Seconds spent by earlier calls that ended well; read it before `begin`, which renews the manifest."""
        return float(self._manifest.get("seconds", 0.0))

    @property
    def steps_before(self) -> int:
        """Steps trained by earlier calls that ended well; as `seconds_before`."""
        return int(self._manifest.get("steps_trained", 0))

    def take_over(self, folder: Path, runs: Sequence[Run], experiment: str) -> int:
        """Take over those of the missing `runs` that another finished study holds, under this study's names.

        Returns:
            How many; 0 where the folder holds no finished study, a damaged one, or one of another setting of jax. A
            run is taken with all its tables, if those that are asked of it are among them.
        """
        if not Results.saved_in(folder):
            return 0
        finished = self.finished
        missing = {run.run_id: run for run in runs if run.run_id not in finished}
        try:
            manifest = read_manifest(folder)
            if ambient_of(manifest) != ambient_state():
                return 0
            kept = read_whole(folder, manifest, missing)
        except InputError as error:
            self.damaged.append(f"nothing is taken over from {folder}: {error}")
            return 0
        there = finished_runs([kept], {run_id: self._asked.get(run_id, ()) for run_id in missing})
        self._taken.append(under_names(only(kept, there), missing, experiment))
        return len(there)

    def begin(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Write the manifest, which keeps what earlier calls trained; return it.

        `sittings` are those that trained: when, from which command and, where `manifest` says it, which commit.
        """
        names = dict.fromkeys(name for kept in self._sources for name in kept)
        names |= dict.fromkeys(name for tables in self._asked.values() for name in tables)
        manifest = continued(self._manifest, manifest | {"tables": describe_tables(names, self._manifest)})
        self._manifest = manifest
        if self._out is not None and processes.is_first():
            (self._out / BLOCKS_FOLDER).mkdir(parents=True, exist_ok=True)
            write_sealed_json(self._out / MANIFEST_FILE, manifest)
            self._made = []
        processes.wait_for_all("the study's folder is there")
        return manifest

    def note_programs(self, narrowed: Iterable[dict[str, Any]]) -> None:
        """Note that groups went on with narrower programs than the manifest says."""
        self._manifest = with_narrowed(self._manifest, narrowed)
        if self._out is not None and processes.is_first():
            write_sealed_json(self._out / MANIFEST_FILE, self._manifest)

    @property
    def checkpoints_folder(self) -> Path | None:
        """Where blocks in training are checkpointed; None in memory."""
        return None if self._out is None else self._out / CHECKPOINTS_FOLDER

    def forks(self, probes: Sequence[Probe]) -> Forks:
        """The states that runs fork from, with those, watched by the same probes, that the folder had when opened."""
        return Forks(None if self._out is None else self._out / FORKS_FOLDER, self._forks, probes)

    def checkpoints(self, runs: Sequence[Run]) -> list[SavedBlock]:
        """Checkpoints, found when the folder was opened, of blocks whose runs are all among these."""
        wanted = {run.run_id for run in runs}
        return [saved for saved in self._saved if wanted.issuperset(saved.run_ids)]

    def drop_checkpoint(self, block: Sequence[Run]) -> None:
        """Remove that of a block which leaves no rows."""
        if self._out is not None:
            checkpoint_file(self._out / CHECKPOINTS_FOLDER, block[0].run_id).unlink(missing_ok=True)

    def add(self, finished: FinishedBlock) -> None:
        """Keep one finished block and drop its checkpoint."""
        run_ids = frozenset(finished.run_ids)
        self._blocks.append({name: KeptTable(rows, run_ids) for name, rows in finished.tables.items()})
        if self._out is None:
            self._nets |= finished.nets
            return
        for run_id, net in finished.nets.items():
            (self._out / NETS_FOLDER).mkdir(exist_ok=True)
            save_net(net_file(self._out, run_id), net, self._about(run_id, finished))
        write_block(self._out, finished)
        checkpoint_file(self._out / CHECKPOINTS_FOLDER, finished.run_ids[0]).unlink(missing_ok=True)

    def _about(self, run_id: str, block: FinishedBlock) -> dict[str, Any]:
        rows = block.tables[EPOCHS.name]
        run = rows.loc[rows["run_id"] == run_id].iloc[-1]
        about = {"experiment": run["experiment"], "arm": run["arm"], "seed": int(run["seed"])}
        return about | {"run_id": run_id, "dataset": self._manifest["dataset"]["name"]}

    def results(self, manifest: dict[str, Any]) -> Results:
        """Everything kept so far, by every process."""
        if self._out is not None and processes.several():
            self._read(self._out)
        tables, described = assemble_all(self._sources, manifest)
        return Results(tables, manifest | {"tables": described}, Nets(self._nets, self._out))

    def finish(self, results: Results) -> None:
        """Write the study's files and drop what they now contain."""
        if self._out is not None and processes.is_first():
            results.save(self._out)
            for path in block_files(self._out):  # first: what is left of a block without them is never read
                path.unlink()
            shutil.rmtree(self._out / BLOCKS_FOLDER)
            shutil.rmtree(self._out / FORKS_FOLDER, ignore_errors=True)
            drop_checkpoints(self._out, frozenset(results.rows["run_id"]))
        processes.wait_for_all("the study's files are written")

    def close(self) -> None:
        """Let another process work in the folder; one that this process made, and did not begin, goes."""
        if self._lock is not None and self._lock.held:
            self._lock.release(self._made)

    def _acquire(self, out: Path) -> None:
        if self._lock is not None and processes.is_first():
            self._lock.acquire()
            remove_all_temporary(out)

    def _read(self, out: Path) -> None:
        self._manifest = read_manifest(out)
        self._whole, self._blocks = read_whole(out, self._manifest), []
        for path in block_files(out):
            try:
                self._blocks.append(read_block(path, self._manifest))
            except DamagedFileError as error:
                self.damaged.append(f"its runs are trained again: {error}")
