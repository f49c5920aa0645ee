"""A block in the middle of its training, kept on disk: what a stop would otherwise cost.

One safetensors file per block, written whole, so a checkpoint is there or not, and the one before it goes only then.
States go in as plain arrays by name: reading needs no class, and no word with the study's other processes, which keep
blocks of their own. (orbax, made for arrays that processes share, wrote part of such a checkpoint in the first process
alone and could not read it in the others.)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from jaxmlp.files import write_whole
from jaxmlp.study.arms import Run
from jaxmlp.study.blocks import Layout
from jaxmlp.training import RunState


@dataclass(frozen=True)
class SavedBlock:
    """What is known about a checkpoint without reading its arrays."""

    path: Path
    run_ids: tuple[str, ...]
    layout: Layout
    clock: int
    """Steps done."""

    def restore(self, shapes: RunState) -> RunState | None:
        """The states, as arrays of the host; None where they are not of these shapes: another version wrote them."""
        saved = load_file(self.path)
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


def save_block(folder: Path, block: Sequence[Run], layout: Layout, clock: int, states: RunState) -> None:
    """Write a checkpoint in place of the block's earlier one; `states` are arrays of the host."""
    about = {"run_ids": [run.run_id for run in block], "lanes": layout.lanes, "strategy": layout.strategy}
    arrays = {
        # The format has no strides.
        jax.tree_util.keystr(path): np.asarray(leaf, order="C")
        for path, leaf in jax.tree.leaves_with_path(states)
    }
    metadata = {"block": json.dumps(about | {"clock": clock})}
    folder.mkdir(exist_ok=True)
    path = checkpoint_file(folder, block[0].run_id)
    write_whole(path, lambda temporary: save_file(arrays, temporary, metadata))


def find_blocks(folder: Path) -> list[SavedBlock]:
    """Every checkpoint in a folder of them, in a fixed order; what is no checkpoint is left out."""
    found = []
    for path in sorted(folder.glob("[!.]*.safetensors")):
        try:
            with safe_open(path, "np") as file:
                about = json.loads(file.metadata()["block"])
        except (SafetensorError, KeyError, TypeError):
            continue
        layout = Layout(about["lanes"], about["strategy"])
        found.append(SavedBlock(path, tuple(about["run_ids"]), layout, about["clock"]))
    return found


def _form(leaf: Any) -> tuple[tuple[int, ...], np.dtype]:
    return tuple(leaf.shape), np.dtype(leaf.dtype)
