"""Arms with a tuned setting: the best of several arms, chosen on validation and on other seeds than those judged."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


def with_tuned(rows: pd.DataFrame, tuned: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """`rows` and a further arm for each entry of `tuned`, made of runs that are there already.

    Seeds are parted into even and odd ones. The runs of each half come from the candidate whose mean validation
    accuracy over the *other* half is largest, the first of equals: no run helps to choose the arm it is judged in. The
    accuracy is that of the model each run selects: of its last epoch, or of its best where the best is tested (S-090).

    Args:
        rows: one row per run and epoch; without a column `selected_epoch` the last model is selected.
        tuned: by the name of the new arm, the arms to choose from, such as one optimizer at several rates.

    Returns:
        `rows` with the new arms below, whose `taken` names the arm that was chosen. An entry with a candidate that was
        not run is left out, and so are the seeds of a half whose other half is empty.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> small, large = ({"val_accuracy": [v, v], "test_accuracy": [v, v]} for v in (0.6, 0.9))
    >>> rows = with_tuned(synthetic_rows({"small": small, "large": large}), {"best": ["small", "large"]})
    >>> rows[rows["arm"] == "best"]["taken"].unique().tolist()
    ['large']
    """
    chosen = [part for name, arms in tuned.items() for part in _tuned_arm(rows, name, arms)]
    return pd.concat([rows, *chosen], ignore_index=True)


def _tuned_arm(rows: pd.DataFrame, name: str, arms: Sequence[str]) -> list[pd.DataFrame]:
    """The rows of one new arm, half by half."""
    candidates = rows.loc[rows["arm"].isin(arms)]
    if set(candidates["arm"]) != set(arms):
        return []
    accuracies = _selected(candidates).pivot(index="seed", columns="arm", values="val_accuracy")[list(arms)]
    parts = []
    for half in (0, 1):
        other = accuracies.loc[accuracies.index.to_numpy() % 2 != half]
        if len(other):
            best = arms[int(np.argmax(other.mean().to_numpy(dtype=float)))]
            own = candidates.loc[(candidates["arm"] == best) & (candidates["seed"] % 2 == half)]
            parts.append(own.assign(arm=name, taken=best))
    return parts


def _selected(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per run, that of the model it selects; a diverged run's last, whose accuracy is chance."""
    last = rows.sort_values(by=["epoch"]).groupby(["arm", "seed"], as_index=False).last()
    if "selected_epoch" not in rows:
        return last
    kept = last["selected_epoch"].where(~last["diverged"].astype(bool), last["epoch"])
    return rows.merge(last[["arm", "seed"]].assign(epoch=kept.astype(int)), on=["arm", "seed", "epoch"])
