"""What stands where in a study's folder, and the guarded readers of it: what is damaged is one line that names it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxmlp.errors import InputError
from jaxmlp.files import DamagedFileError, is_temporary, read_about, read_rows, read_sealed_json, write_rows
from jaxmlp.schema import TABLES, table_file
from jaxmlp.study.arms import is_past
from jaxmlp.study.checkpoint import find_blocks
from jaxmlp.study.finished import FinishedBlock
from jaxmlp.study.kept import Kept, KeptTable
from jaxmlp.study.lock import LOCK_FILE
from jaxmlp.study.manifest import EMPTY, check_version, table_keys
from jaxmlp.study.nets import NETS_FOLDER
from jaxmlp.study.plan import kept_layouts
from jaxmlp.study.results import MANIFEST_FILE, required_columns
from jaxmlp.training.state import EPOCHS

BLOCKS_FOLDER, CHECKPOINTS_FOLDER, FORKS_FOLDER = "blocks", "checkpoints", "forks"
"""Rows of finished blocks, checkpoints of those in training, and states that runs fork from, until the tables' files
hold all rows. "epochs" of a block is blocks/FIRST_RUN_ID.parquet, any other table blocks/TABLE/FIRST_RUN_ID.parquet."""
OWN_FOLDERS = (BLOCKS_FOLDER, CHECKPOINTS_FOLDER, FORKS_FOLDER, NETS_FOLDER)


def is_new(out: Path) -> bool:
    """Whether nothing was ever trained here: no folder, or one that a study made and could not begin."""
    if not out.exists():
        return True
    if not out.is_dir() or (out / MANIFEST_FILE).exists():
        return False
    begun = [path for path in out.rglob("*") if not (path.is_file() and (path.name == LOCK_FILE or is_temporary(path)))]
    return all(path.is_dir() and path.relative_to(out).parts[0] in OWN_FOLDERS for path in begun)


def taken_already(out: Path) -> InputError:
    """What a new study is told about a folder that another one has."""
    return InputError(f"{out} exists already: give another folder (--out), or --resume to continue it")


def remove_temporary(*folders: Path) -> None:
    """Remove what a process left that died while it wrote."""
    for folder in folders:
        for path in folder.glob(".*"):
            if is_temporary(path):
                path.unlink()


def remove_all_temporary(out: Path) -> None:
    """The same everywhere in a study's folder."""
    own = [out / name for name in OWN_FOLDERS]
    remove_temporary(out, *own, *(path for path in (out / BLOCKS_FOLDER).glob("*") if path.is_dir()))


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of the study in a folder, which has what is read of it here, of the right types.

    Raises:
        DamagedFileError: it does not.
        InputError: a newer version wrote it.
    """
    path = out / MANIFEST_FILE
    manifest = read_sealed_json(path)
    check_version(manifest, out)
    try:
        kept_layouts(manifest.get("programs", []))
        table_keys(manifest)
        float(manifest.get("seconds", 0.0))
        int(manifest.get("steps_trained", 0))
        str(manifest["dataset"]["digest"] + manifest["dataset"]["name"])
        for name, kind in (("seeds", list), ("sittings", list), ("arms", dict), ("taken_over", dict)):
            kind(manifest.get(name, ()))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFileError(path, f"it is no study's manifest ({type(error).__name__}: {error})") from None
    return manifest


def read_whole(out: Path, manifest: Mapping[str, Any], run_ids: Iterable[str] | None = None) -> Kept:
    """The tables of runs that earlier calls left, or their part of these runs; not those without a file."""
    chosen = None if run_ids is None else {*run_ids}
    kept = {}
    for name, keys in table_keys(manifest).items():
        path = out / table_file(name)
        if keys[0] == "run_id" and path.is_file():
            filters = None if chosen is None else [("run_id", "in", [*sorted(chosen), ""])]
            rows = read_rows(path, _required(name, keys), filters)
            empty = frozenset(manifest.get("tables", {}).get(name, {}).get(EMPTY, []))
            run_ids = empty if chosen is None else empty & chosen
            kept[name] = KeptTable(rows, run_ids.union(rows["run_id"].unique()))
    return kept


def _required(name: str, keys: Sequence[str]) -> tuple[str, ...]:
    """Of "epochs" all columns: the study's table is made of them."""
    return EPOCHS.required if name == EPOCHS.name else required_columns(keys)


def write_block(out: Path, block: FinishedBlock) -> None:
    """Write a block's tables. "epochs" comes last and names the others: with it the block is done."""
    file = f"{block.run_ids[0]}.parquet"
    for name, rows in block.tables.items():
        if name != EPOCHS.name:
            (out / BLOCKS_FOLDER / name).mkdir(exist_ok=True)
            write_rows(out / BLOCKS_FOLDER / name / file, rows)
    write_rows(out / BLOCKS_FOLDER / file, block.tables[EPOCHS.name], {"tables": [*block.tables]})


def block_files(out: Path) -> list[Path]:
    """The rows of "epochs" of every finished block, in a fixed order."""
    return sorted((out / BLOCKS_FOLDER).glob("[!.]*.parquet"))


def read_block(path: Path, manifest: Mapping[str, Any]) -> Kept:
    """The tables of one block.

    Args:
        path: of its "epochs".
        manifest: of its study.

    Raises:
        DamagedFileError: a file of it is damaged, or gone.
    """
    rows = read_rows(path, EPOCHS.required)
    run_ids = frozenset(rows["run_id"].unique())
    about = read_about(path)
    # Before version 2 a block did not say which tables it has.
    there = [file.parent.name for file in sorted(path.parent.glob(f"*/{path.name}"))]
    names = there if about is None else [name for name in about["tables"] if name != EPOCHS.name]
    kept = {EPOCHS.name: KeptTable(rows, run_ids)}
    for name in names:
        file = path.parent / name / path.name
        if not file.is_file():
            raise DamagedFileError(file, "it is gone")
        keys = TABLES[name].keys if name in TABLES else table_keys(manifest).get(name, ("run_id",))
        kept[name] = KeptTable(read_rows(file, required_columns(keys)), run_ids)
    return kept


def drop_checkpoints(out: Path, done: frozenset[str]) -> None:
    """Those of finished runs, and damaged ones; an arm that was left out this time may still have others."""
    folder = out / CHECKPOINTS_FOLDER
    if not folder.is_dir():
        return
    readable = find_blocks(folder)
    for saved in readable:
        if all(run_id in done or is_past(run_id) for run_id in saved.run_ids):
            saved.drop()
    for damaged in {*folder.glob("*.safetensors")} - {saved.path for saved in readable}:
        damaged.unlink()
    remove_temporary(folder)
    if not any(folder.iterdir()):
        folder.rmdir()
