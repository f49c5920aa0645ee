"""Where a study keeps what it has trained, so that nothing is lost and nothing is trained twice."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.files import write_json, write_rows
from jaxmlp.study.arms import Arm, describe_arm, spec_id
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE, Results
from jaxmlp.training import RunSpec

BLOCKS_FOLDER = "blocks"
"""Rows of finished blocks, one file each, until the study ends and `results.parquet` holds them all."""


class Store:
    """A study's folder, or the memory alone when it has none.

    Nothing is written before `begin`.

    Raises:
        InputError: the folder exists and `resume` is off, or it cannot be written to.
    """

    def __init__(self, out: Path | None, *, resume: bool) -> None:
        self._out = out
        self._frames: list[pd.DataFrame] = []
        self._manifest: dict[str, Any] = {}
        if out is not None:
            _check_writable(out)
            if out.exists():
                if not resume:
                    raise InputError(f"{out} exists already: give another folder, or --resume to continue it")
                self._read(out)

    @property
    def finished(self) -> frozenset[str]:
        """Ids of the runs that are trained already."""
        return frozenset(run_id for frame in self._frames for run_id in frame["run_id"])

    @property
    def seconds_before(self) -> float:
        """Seconds spent by earlier sittings that ended well."""
        return float(self._manifest.get("seconds", 0.0))

    def check_same_settings(self, arms: Iterable[Arm], dataset: Dataset) -> None:
        """Raise `InputError` where the folder's study has other data, or another setting under an arm's name."""
        data = self._manifest.get("dataset", {"digest": dataset.digest, "name": dataset.name})
        if data["digest"] != dataset.digest:
            raise InputError(f"{self._out} is a study of {data['name']} with other data: give another folder")
        kept = self._manifest.get("arms", {})
        for arm in arms:
            if kept.get(arm.name, describe_arm(arm)) != describe_arm(arm):
                raise InputError(
                    f"{self._out} holds arm {arm.name!r} with other settings: "
                    "give another folder, delete this one, or give the settings of before"
                )

    def lanes(self, specs: Iterable[RunSpec], given: int | None) -> dict[RunSpec, int]:
        """W of the specs where it is fixed: as before when resuming, else as given.

        Raises:
            InputError: `given` differs from before.
        """
        before = {program["spec_id"]: program["lanes"] for program in self._manifest.get("programs", [])}
        fixed = {spec: before[spec_id(spec)] for spec in specs if spec_id(spec) in before}
        if given is None:
            return fixed
        for lanes in fixed.values():
            if lanes != given:
                raise InputError(f"{self._out} was begun with {lanes} lanes: resume with as many, not {given}")
        return dict.fromkeys(specs, given)

    def begin(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Make the folder and write the manifest, which keeps what earlier sittings trained; return it."""
        new = {program["spec_id"] for program in manifest["programs"]}
        kept = [p for p in self._manifest.get("programs", []) if p["spec_id"] not in new]
        manifest = manifest | {
            "programs": kept + manifest["programs"],
            "arms": self._manifest.get("arms", {}) | manifest["arms"],
            "seeds": sorted({*manifest["seeds"], *self._manifest.get("seeds", [])}),
        }
        if self._out is not None:
            (self._out / BLOCKS_FOLDER).mkdir(parents=True, exist_ok=True)
            write_json(self._out / MANIFEST_FILE, manifest)
        return manifest

    def add(self, rows: pd.DataFrame) -> None:
        """Keep one finished block's rows."""
        self._frames.append(rows)
        if self._out is not None:
            write_rows(self._out / BLOCKS_FOLDER / f"{rows['run_id'].iloc[0]}.parquet", rows)

    def rows(self) -> pd.DataFrame:
        """All rows kept so far."""
        return pd.concat(self._frames, ignore_index=True)

    def finish(self, results: Results) -> None:
        """Write the study's files and drop the blocks they now contain."""
        if self._out is not None:
            results.save(self._out)
            shutil.rmtree(self._out / BLOCKS_FOLDER)

    def _read(self, out: Path) -> None:
        if not (out / MANIFEST_FILE).is_file():
            raise InputError(f"{out} is no study's folder (it has no {MANIFEST_FILE}): give another folder")
        self._manifest = json.loads((out / MANIFEST_FILE).read_text(encoding="utf-8"))
        files: Sequence[Path] = sorted((out / BLOCKS_FOLDER).glob("[!.]*.parquet"))
        if (out / ROWS_FILE).is_file():
            files = [out / ROWS_FILE, *files]
        frames = [pd.read_parquet(path) for path in files]
        seen: set[str] = set()
        for frame in frames:  # a block may outlive its copy in results.parquet if a stop fell between the two
            self._frames.append(frame.loc[[run_id not in seen for run_id in frame["run_id"]]])
            seen |= set(frame["run_id"])


def _check_writable(out: Path) -> None:
    parent = out
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"cannot write to {out}: {parent} is not a folder this user may write to")
