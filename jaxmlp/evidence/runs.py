"""Runs in the tables of results: which arms are there, how each run ended, which diverged."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from jaxmlp.errors import InputError
from jaxmlp.schema import table_named
from jaxmlp.training.state import EPOCHS

Tables = pd.DataFrame | Mapping[str, pd.DataFrame]
"""What a study left: tables by name; one alone is "epochs", one row per run and epoch."""


def by_name(tables: Tables) -> Mapping[str, pd.DataFrame]:
    """The tables by name."""
    return {EPOCHS.name: tables} if isinstance(tables, pd.DataFrame) else tables


def arms_in(tables: Tables, *names: str) -> set[str]:
    """What these tables compare: arms, or other subjects."""
    found = by_name(tables)
    return {arm for name in names if name in found for arm in found[name][table_named(name).subject].unique()}


def drawn_rows(tables: Tables, *names: str) -> pd.DataFrame:
    """Tables under one another with the names that figures draw by: what is compared is `arm`, its pairs are `seed`,
    what a curve runs along is `epoch`. A table that is not there has no rows.
    """
    found = by_name(tables)
    shown = [found[name] if name == EPOCHS.name else _as_runs(found[name], name) for name in names if name in found]
    empty = pd.DataFrame(columns=["arm", "run_id", "seed", "epoch", "diverged"])
    return pd.concat(shown, ignore_index=True) if len(shown) > 1 else shown[0] if shown else empty


def _as_runs(table: pd.DataFrame, name: str) -> pd.DataFrame:
    declared = table_named(name)
    subject, pair = table[declared.subject], table[declared.pair]
    named = {
        "arm": subject,
        "run_id": [f"{one}-{other}" for one, other in zip(subject, pair, strict=True)],
        "seed": pair,
        "epoch": 0 if declared.along is None else table[declared.along],
        "diverged": False,
    }
    return pd.DataFrame(named | {column: table[column] for column in table if column not in named})


def rows_of(rows: pd.DataFrame, arms: Sequence[str], name: str) -> pd.DataFrame:
    """The rows of `arms`; InputError where none of them was run."""
    chosen = rows.loc[rows["arm"].isin(arms)]
    if chosen.empty:
        raise InputError(f"figure {name} needs arm {', '.join(arms)}, of which the results have none: run one")
    return chosen


def by_arm(rows: pd.DataFrame, arms: Sequence[str]) -> Iterator[tuple[int, str, pd.DataFrame]]:
    """Place, name and rows of each of `arms` that was run; the place fixes its colour whatever else was run."""
    for i, arm in enumerate(arms):
        own = rows.loc[rows["arm"] == arm]
        if len(own):
            yield i, arm, own


def final_values(rows: pd.DataFrame, column: str) -> pd.Series:
    """`column` in the last row of each run, indexed by run_id; NaN where it is empty there."""
    last = rows.sort_values("epoch", kind="stable").groupby("run_id").tail(1).sort_values(["seed", "run_id"])
    return pd.Series(last[column].to_numpy(dtype=float), index=last["run_id"], name=column)


def diverged_runs(rows: pd.DataFrame) -> list[str]:
    """The run_id of every run that diverged, in the order of `rows`."""
    return list(dict.fromkeys(rows.loc[rows["diverged"].astype(bool), "run_id"]))


def count_text(rows: pd.DataFrame) -> str:
    """How many runs an arm has, and how many diverged: "n = 10, 1 diverged (×)"."""
    per_arm = [len(set(own["run_id"])) for _, own in rows.groupby("arm")]
    diverged = len(diverged_runs(rows))
    few, many = min(per_arm), max(per_arm)
    text = f"n = {few}" if few == many else f"n = {few} to {many}"
    if len(per_arm) > 1:
        text += " per arm"
    return text + (f", {diverged} diverged (×)" if diverged else "")
