"""What stands where in a study's folder, and the guarded readers of it: what is damaged is one line that names it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmlp.errors import InputError
from jaxmlp.files import DamagedFileError, is_temporary, read_rows, read_sealed_json
from jaxmlp.study.nets import NETS_FOLDER
from jaxmlp.study.plan import kept_layouts
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE, STEP_KEYS, STEPS_FILE
from jaxmlp.study.tables import ROW_COLUMNS

BLOCKS_FOLDER, CHECKPOINTS_FOLDER, FORKS_FOLDER = "blocks", "checkpoints", "forks"
"""Rows of finished blocks, checkpoints of those in training, and states that runs fork from, until `results.parquet`
holds all rows."""
STEPS_FOLDER = "steps"
"""Inside the blocks' folder: their rows between epochs, until `steps.parquet` holds them all."""
LOCK_FILE = ".lock"
"""Held by the process that works in the folder; the system lets go of it when that process dies, however."""
OWN_FOLDERS = ("", BLOCKS_FOLDER, f"{BLOCKS_FOLDER}/{STEPS_FOLDER}", CHECKPOINTS_FOLDER, FORKS_FOLDER, NETS_FOLDER)
"""Where a killed process may have left temporary files."""


def is_new(out: Path) -> bool:
    """Whether nothing was ever trained here: no folder, or one that a study made and could not begin."""
    if not out.exists():
        return True
    if not out.is_dir() or (out / MANIFEST_FILE).exists():
        return False
    begun = [path for path in out.rglob("*") if not (path.is_file() and (path.name == LOCK_FILE or is_temporary(path)))]
    return {path.relative_to(out).as_posix() for path in begun} <= {name for name in OWN_FOLDERS if name}


def taken_already(out: Path) -> InputError:
    """What a new study is told about a folder that another one has."""
    return InputError(f"{out} exists already: give another folder, or --resume to continue it")


def sweep(*folders: Path) -> None:
    """Remove what a process left that died while it wrote."""
    for folder in folders:
        for path in folder.glob(".*"):
            if is_temporary(path):
                path.unlink()


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest that has what is read of it here, of the right types."""
    manifest = read_sealed_json(path)
    try:
        kept_layouts(manifest.get("programs", []))
        float(manifest.get("seconds", 0.0))
        str(manifest["dataset"]["digest"] + manifest["dataset"]["name"])
        for name, kind in (("seeds", list), ("sittings", list), ("arms", dict), ("taken_over", dict)):
            kind(manifest.get(name, ()))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFileError(path, f"it is no study's manifest ({type(error).__name__}: {error})") from None
    return manifest


def read_whole(out: Path) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """Rows and steps of earlier sittings that ended, a list of at most one table each."""
    rows = [read_rows(out / ROWS_FILE, ROW_COLUMNS)] if (out / ROWS_FILE).is_file() else []
    steps = [read_rows(out / STEPS_FILE, STEP_KEYS)] if (out / STEPS_FILE).is_file() else []
    return rows, steps


def read_runs(file: Path, required: Sequence[str], run_ids: Iterable[str], experiment: str) -> pd.DataFrame:
    """The rows of these runs in a file of a study, as this one's; none where there is no file."""
    if not file.is_file():
        return pd.DataFrame({"run_id": pd.Series(dtype=str)})
    return read_rows(file, required, [("run_id", "in", [*run_ids, ""])]).assign(experiment=experiment)


def unseen(frame: pd.DataFrame, before: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Without runs of those before: a block may outlive its copy in the whole file if a stop fell between the two."""
    seen = {run_id for other in before for run_id in other["run_id"].unique()}
    return frame.loc[~frame["run_id"].isin(list(seen))]
