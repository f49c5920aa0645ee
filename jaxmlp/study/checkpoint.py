"""A block in the middle of its training, kept on disk: what a stop would otherwise cost.

One folder per block, written by orbax under a temporary name and renamed, so a checkpoint is whole or not there; the
one before it is dropped only then. States go in as plain arrays by name, so reading needs no class.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmlp.study.arms import Run
from jaxmlp.study.blocks import Layout
from jaxmlp.training import RunState


@dataclass(frozen=True)
class SavedBlock:
    """What is known about a checkpoint without reading its arrays."""

    folder: Path
    run_ids: tuple[str, ...]
    layout: Layout
    clock: int
    """Steps done."""

    def restore(self, shapes: RunState) -> RunState | None:
        """The states, as arrays of the host; None where they are not of these shapes: another version wrote them."""
        import orbax.checkpoint as ocp

        with _manager(self.folder) as manager:
            wanted = ocp.args.Composite(states=ocp.args.StandardRestore())
            saved = manager.restore(self.clock, args=wanted)["states"]
        expected = _by_name(shapes)
        if {name: _form(leaf) for name, leaf in _stored(expected).items()} != {
            name: _form(leaf) for name, leaf in saved.items()
        }:
            return None
        leaves = [np.asarray(saved[name]) if leaf.size else np.zeros(*_form(leaf)) for name, leaf in expected.items()]
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)

    def drop(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def save_block(folder: Path, block: Sequence[Run], layout: Layout, clock: int, states: RunState) -> None:
    """Write a checkpoint, then drop the block's earlier one."""
    import orbax.checkpoint as ocp

    about = {"run_ids": [run.run_id for run in block], "lanes": layout.lanes, "strategy": layout.strategy}
    arrays = {name: np.asarray(leaf) for name, leaf in _stored(_by_name(states)).items()}
    items = ocp.args.Composite(states=ocp.args.StandardSave(arrays), about=ocp.args.JsonSave(about))
    with _manager(folder) as manager:
        manager.save(clock, args=items, force=True)


def find_blocks(folder: Path) -> list[SavedBlock]:
    """Every whole checkpoint in a folder of them, in a fixed order."""
    found = []
    for path in sorted(path for path in folder.glob("*") if path.is_dir()):
        import orbax.checkpoint as ocp

        with _manager(path) as manager:
            clock = manager.latest_step()
            if clock is None:
                continue
            about = manager.restore(clock, args=ocp.args.Composite(about=ocp.args.JsonRestore()))["about"]
        found.append(SavedBlock(path, tuple(about["run_ids"]), Layout(about["lanes"], about["strategy"]), clock))
    return found


def _by_name(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


def _stored(leaves: dict[str, Any]) -> dict[str, Any]:
    """Without the empty ones, which orbax does not take."""
    return {name: leaf for name, leaf in leaves.items() if leaf.size}


def _form(leaf: Any) -> tuple[tuple[int, ...], np.dtype]:
    return tuple(leaf.shape), np.dtype(leaf.dtype)


def _manager(folder: Path):
    import orbax.checkpoint as ocp  # takes a second to load, and most studies end before their first checkpoint

    index = jax.process_index()
    return ocp.CheckpointManager(
        folder.absolute(),
        options=ocp.CheckpointManagerOptions(
            max_to_keep=1,
            enable_async_checkpointing=False,
            # Every process keeps its own blocks: none waits for another here.
            multiprocessing_options=ocp.options.MultiprocessingOptions(
                primary_host=index, active_processes={index}, barrier_sync_key_prefix=f"process{index}"
            )
            if jax.process_count() > 1
            else ocp.options.MultiprocessingOptions(),
        ),
    )
