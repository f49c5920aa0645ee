"""Arms that are averages of others, seed by seed: what a choice costs over many nets."""

from collections.abc import Mapping, Sequence

import pandas as pd


def with_averaged(rows: pd.DataFrame, averaged: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """`rows` and a further arm for each entry of `averaged`: per seed and epoch the mean over the entry's arms.

    Args:
        rows: one row per run and epoch.
        averaged: by the name of the new arm, the arms it is the mean of.

    Returns:
        `rows` with the new arms below: accuracies, losses and numbers of settings are means, `diverged` whether any
        run diverged. Only seeds and epochs that all arms have are kept; an entry with an arm that is not there, or
        whose name is there already, is left out. If one loss is NaN, so is the mean.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"a": {"test_accuracy": [0.5]}, "b": {"test_accuracy": [1.0]}})
    >>> with_averaged(rows, {"both": ["a", "b"]}).groupby("arm")["test_accuracy"].last().to_dict()
    {'a': 0.5, 'b': 1.0, 'both': 0.75}
    """
    known = set(rows["arm"])
    new = [
        _averaged_arm(rows, name, arms)
        for name, arms in averaged.items()
        if name not in known and known.issuperset(arms)
    ]
    return pd.concat([rows, *new], ignore_index=True)


def _averaged_arm(rows: pd.DataFrame, name: str, arms: Sequence[str]) -> pd.DataFrame:
    chosen = rows[rows["arm"].isin(arms)]
    numbers = chosen.select_dtypes("number").columns.difference(["seed", "epoch"])
    groups = chosen.groupby(["seed", "epoch"], as_index=False)
    means = groups[list(numbers)].agg(lambda values: values.mean(skipna=False))
    means["diverged"] = groups["diverged"].any()["diverged"]
    means = means.loc[(groups.size()["size"] == len(arms)).to_numpy()]
    run_ids = [f"{name}-{seed}" for seed in means["seed"]]
    return means.assign(experiment=rows["experiment"].iloc[0], arm=name, run_id=run_ids)
