"""Forks: runs that differ by an intervention alone share their past, which is trained once.

A run with interventions is its parent, the same run without the last of them, until that begins: it forks from the
parent's state there, and only its own epochs are trained for it. Where the parent itself is not asked for, or was
trained before, its past is trained as far as is needed, for its forks alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmlp.probes import Probe
from jaxmlp.study.arms import Run
from jaxmlp.study.blocks import Layout, padded
from jaxmlp.study.checkpoint import SavedBlock, save_block
from jaxmlp.study.watch import Watch
from jaxmlp.training import intervene

_intervened = jax.jit(intervene, static_argnames=("opening", "spec"))


def fork_key(run: Run) -> str | None:
    """Which state a run begins with: its parent's id and the epoch; None where it begins with its seed."""
    return None if run.parent is None else _key(run.parent, run.phase.begin)


def with_pasts(missing: Sequence[Run], kept: Iterable[str]) -> list[Run]:
    """What has to be trained for the missing runs: they, after the pasts that no run among them has.

    Args:
        missing: runs without rows.
        kept: keys of the states that are there.
    """
    asked, there = {run.run_id for run in missing}, set(kept)
    pasts: dict[str, tuple[int, Run]] = {}
    waiting = list(missing)
    while waiting:
        run = waiting.pop()
        if run.parent is None or run.parent.run_id in asked or fork_key(run) in there:
            continue
        if run.parent.run_id not in pasts:
            waiting.append(run.parent)
        known, _ = pasts.get(run.parent.run_id, (0, run.parent))
        pasts[run.parent.run_id] = max(known, run.phase.begin), run.parent
    return [parent.past(until) for until, parent in reversed(pasts.values())] + list(missing)


def families(blocks: Sequence[tuple[Run, ...]]) -> list[list[int]]:
    """Numbers of the blocks that hang together by forks, in order of appearance."""
    family = list(range(len(blocks)))
    first: dict[str, int] = {}
    for number, block in enumerate(blocks):
        for run in block:
            for name in (run.state_id, *([] if run.parent is None else [run.parent.run_id])):
                low, high = sorted((family[number], family[first.setdefault(name, number)]))
                if low != high:
                    family = [low if one == high else one for one in family]
    return [[number for number, one in enumerate(family) if one == low] for low in sorted(set(family))]


class Forks:
    """The states that runs fork from, in the study's folder or in memory, for as long as a run still needs them.

    Workers of several devices use it at once: a key is in it only when its state is.
    """

    def __init__(self, folder: Path | None, found: Iterable[SavedBlock], probes: Sequence[Probe] = ()) -> None:
        """Keep states in this folder, or in memory, beside those of the same probes that an earlier call left."""
        self._folder, self._probes = folder, tuple(map(repr, probes))
        self._kept: dict[str, Any] = {saved.run_ids[0]: saved for saved in found if saved.probes == self._probes}
        self._users: dict[str, set[str]] = {}

    def plan(self, missing: Sequence[Run]) -> list[Run]:
        """As `with_pasts`; what these runs fork from is kept from now on."""
        runs = with_pasts(missing, self._kept)
        for run in runs:
            if (key := fork_key(run)) is not None:
                self._users.setdefault(key, set()).add(run.run_id)
        return runs

    def ready(self, block: Sequence[Run]) -> bool:
        """Whether all states are there that the block begins with."""
        return all(run.parent is None or fork_key(run) in self._kept for run in block)

    def wanted(self, block: Sequence[Run]) -> list[int]:
        """Epochs after which states of this block are to be kept."""
        _, end = block[0].span
        return [epoch for epoch in range(1, end + 1) if any(self._wants(_key(run, epoch)) for run in block)]

    def keep(self, block: Sequence[Run], layout: Layout, epoch: int, clock: int, carried: Any) -> None:
        """Keep what is wanted of what a block carries after an epoch (`Watch.carried`), stacked on the host."""
        for lane, run in enumerate(block):
            key = _key(run, epoch)
            if not self._wants(key):
                continue
            # A copy: the buffers are used again.
            state = jax.tree.map(lambda leaf, lane=lane: np.array(leaf[lane]), carried)
            if self._folder is None:
                self._kept[key] = state
            else:
                named = replace(run, run_id=key)
                self._kept[key] = save_block(self._folder, [named], layout, clock, state, self._probes)

    def begin(self, block: tuple[Run, ...], watch: Watch) -> Any:
        """What a block of forks begins with, as `watch` carries it, stacked [W] on the host, its interventions done.

        Raises:
            RuntimeError: a state on disk was damaged since it was found, or is of another version.
        """
        one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), watch.carried_shapes)
        forked = [self._forked(run, one, watch) for run in block]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *padded(tuple(forked), watch.program.layout.lanes))

    def drop(self, block: Sequence[Run]) -> None:
        """Forget the states that only these runs needed: they are trained."""
        for run in block:
            key = fork_key(run)
            users = self._users.get(key or "", set())
            users.discard(run.run_id)
            if key in self._kept and not users:
                state = self._kept.pop(key)
                if isinstance(state, SavedBlock):
                    state.drop()

    def _wants(self, key: str) -> bool:
        return bool(self._users.get(key)) and key not in self._kept

    def _forked(self, run: Run, shapes: Any, watch: Watch) -> Any:
        before, after = run.phases[-2:]
        state = self._kept[fork_key(run) or ""]
        if isinstance(state, SavedBlock):
            restored = state.restore(shapes)
            if restored is None:
                state.drop()
                raise RuntimeError(f"{state.path} was damaged, or is of another version: run the same again to resume")
            state = restored
        run_state, records = watch.states_and_records(state)
        run_state = _intervened(run_state, opening=after.opening, spec=before.spec, hyper=before.hyper)
        return watch.carried(jax.device_get(run_state), records)


def _key(run: Run, epoch: int) -> str:
    return f"{run.state_id}.{epoch}"
