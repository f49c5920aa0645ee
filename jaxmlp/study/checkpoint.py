"""A block in the middle of its training, kept on disk: what a stop would otherwise cost.

One safetensors file per block, written whole, so a checkpoint is there or not, and the one before it goes only then.
States go in as plain arrays by name: reading needs no class, and no word with the study's other processes, which keep
blocks of their own. (orbax, made for arrays that processes share, wrote part of such a checkpoint in the first process
alone and could not read it in the others.)
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from jaxmlp.errors import InputError
from jaxmlp.files import BLANK_SEAL, SEAL_KEY, check_seal, seal_file, write_whole
from jaxmlp.study.arms import Run
from jaxmlp.study.blocks import Layout

DAMAGES = (SafetensorError, InputError, OSError, KeyError, TypeError, ValueError)
"""What reading a file raises that is no checkpoint, no longer, or gone."""


@dataclass(frozen=True)
class SavedBlock:
    """What is known about a checkpoint without reading its arrays."""

    path: Path
    run_ids: tuple[str, ...]
    layout: Layout
    clock: int
    """Steps done."""
    probes: tuple[str, ...] = ()
    """What watched it, as `repr` writes it: their records are among its arrays."""

    def restore(self, shapes: Any) -> Any:
        """What was saved, as arrays of the host; None where these are not of these shapes, since another version wrote
        them, or where the file was damaged since it was found.
        """
        try:
            check_seal(self.path)
            saved = load_file(self.path)
        except DAMAGES:
            return None
        expected = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(shapes)}
        if {name: _form(leaf) for name, leaf in expected.items()} != {n: _form(leaf) for n, leaf in saved.items()}:
            return None
        return jax.tree.unflatten(jax.tree.structure(shapes), [saved[name] for name in expected])

    def drop(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


def checkpoint_file(folder: Path, first_run_id: str) -> Path:
    """Where the block that begins with this run is kept."""
    return folder / f"{first_run_id}.safetensors"


def save_block(
    folder: Path, block: Sequence[Run], layout: Layout, clock: int, carried: Any, probes: Sequence[str] = ()
) -> SavedBlock:
    """Write a checkpoint in place of the block's earlier one; what is carried are arrays of the host."""
    run_ids = tuple(run.run_id for run in block)
    about = {"run_ids": run_ids, "lanes": layout.lanes, "strategy": layout.strategy}
    arrays = {
        # The format has no strides.
        jax.tree_util.keystr(path): np.asarray(leaf, order="C")
        for path, leaf in jax.tree.leaves_with_path(carried)
    }
    metadata = {"block": json.dumps(about | {"clock": clock, "probes": list(probes)}), SEAL_KEY: BLANK_SEAL}
    folder.mkdir(exist_ok=True)
    path = checkpoint_file(folder, block[0].run_id)

    def write(temporary: Path) -> None:
        save_file(arrays, temporary, metadata)
        seal_file(temporary)

    write_whole(path, write)
    return SavedBlock(path, run_ids, layout, clock, tuple(probes))


def find_blocks(folder: Path) -> list[SavedBlock]:
    """Every checkpoint in a folder of them, in a fixed order; what is no checkpoint, or damaged, is left out."""
    found = []
    for path in sorted(folder.glob("[!.]*.safetensors")):
        with suppress(*DAMAGES):
            check_seal(path)
            with safe_open(path, "np") as file:
                about = json.loads(file.metadata()["block"])
            run_ids = tuple(str(run_id) for run_id in about["run_ids"])
            layout = Layout(int(about["lanes"]), str(about["strategy"]))
            probes = tuple(map(str, about.get("probes", ())))
            found.append(SavedBlock(path, run_ids, layout, int(about["clock"]), probes))
    return found


def _form(leaf: Any) -> tuple[tuple[int, ...], np.dtype]:
    return tuple(leaf.shape), np.dtype(leaf.dtype)
