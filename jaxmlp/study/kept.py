"""Rows that are trained already, table by table: of a whole file, of blocks, of another study."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from jaxmlp.study.arms import Run
from jaxmlp.training.state import EPOCHS
from jaxmlp.training.step_log import STEPS


def tables_of(run: Run, probed: Sequence[str] = ()) -> tuple[str, ...]:
    """The tables that a run must be in to count as trained: those of its spec, and those of the study's probes."""
    logs = run.arm.spec.evaluation.log_every is not None
    return (EPOCHS.name, *[STEPS.name] * logs, *probed)


@dataclass(frozen=True)
class KeptTable:
    """Rows of one table and the runs that they are of, some of which may have none."""

    rows: pd.DataFrame
    run_ids: frozenset[str]


Kept = Mapping[str, KeptTable]
"""What one source holds, by table."""


def runs_in(sources: Iterable[Kept], table: str) -> frozenset[str]:
    """The runs that a table has in any of the sources."""
    return frozenset().union(*(kept[table].run_ids for kept in sources if table in kept))


def newest(sources: Sequence[Kept], table: str) -> KeptTable:
    """A table out of all sources, the newest last: of a run that several have, the rows of the newest."""
    frames, seen = [], frozenset()
    for kept in reversed([kept[table] for kept in sources if table in kept]):
        again = kept.rows["run_id"].isin(list(seen))
        frames.append(kept.rows.loc[~again])
        seen |= kept.run_ids
    # Tables without rows have columns without types, which would take those of the others away.
    full = [frame for frame in frames if len(frame)] or frames[:1]
    return KeptTable(pd.concat(full[::-1], ignore_index=True), seen)


def finished_runs(sources: Sequence[Kept], asked: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The runs that are in every table that is asked of them; "epochs" is of every run.

    Args:
        sources: what is kept.
        asked: by run id, the names of tables.
    """
    trained = runs_in(sources, EPOCHS.name)
    missing = {run_id for runs in lacking(sources, asked).values() for run_id in runs}
    return trained - missing


def lacking(sources: Sequence[Kept], asked: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """By table, the trained runs that lack it though it is asked of them."""
    trained = runs_in(sources, EPOCHS.name)
    names = dict.fromkeys(name for tables in asked.values() for name in tables)
    there = {name: runs_in(sources, name) for name in names}
    found = {
        name: [run_id for run_id in asked if name in asked[run_id] and run_id in trained - there[name]]
        for name in names
    }
    return {name: run_ids for name, run_ids in found.items() if run_ids}


def retrained_lines(sources: Sequence[Kept], asked: Mapping[str, Sequence[str]]) -> list[str]:
    """The same in words, a line for each table."""
    lines = []
    for name, run_ids in lacking(sources, asked).items():
        new = not any(name in kept for kept in sources)
        runs = "1 run is" if len(run_ids) == 1 else f"{len(run_ids)} runs are"
        why = "is asked for the first time" if new else "does not have all runs"
        lines.append(f"table {name} {why}: {runs} trained again")
    return lines


def under_names(kept: Kept, runs: Mapping[str, Run], experiment: str) -> Kept:
    """What another study holds, with this one's name and those of its arms."""

    def renamed(table: KeptTable) -> KeptTable:
        arms = [runs[run_id].arm.name for run_id in table.rows["run_id"]]
        return replace(table, rows=table.rows.assign(experiment=experiment, arm=arms))

    return {name: renamed(table) for name, table in kept.items()}


def only(kept: Kept, run_ids: frozenset[str]) -> Kept:
    """The part of these runs."""
    return {
        name: KeptTable(table.rows.loc[table.rows["run_id"].isin(list(run_ids))], table.run_ids & run_ids)
        for name, table in kept.items()
    }
