"""Made-up results with the columns of real ones: every claim is tested on tables whose truth is known.

rows = synthetic_rows({
    "he": {"val_accuracy": [[0.10, 0.95, 0.97], [0.11, 0.94, 0.97]], "test_accuracy": [0.977, 0.976]},
    "randn": {"val_accuracy": [[0.10, 0.10, 0.11]] * 2, "test_accuracy": [0.1135, 0.1135]},
})
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from jaxmlp.errors import InputError

# A run's number at the end of training, or its curve with one number per epoch.
Curve = float | Sequence[float]


def synthetic_rows(
    arms: Mapping[str, Mapping[str, Sequence[Curve]]],
    *,
    seeds: Mapping[str, Sequence[int]] | None = None,
    epochs: int = 1,
    experiment: str = "synthetic",
) -> pd.DataFrame:
    """One row per run and epoch, as a study writes them.

    Args:
        arms: per arm and column, one entry per seed: a number, held at every epoch, or a curve [E + 1] from
            epoch 0 (before training) on. A run with shorter curves than the others has stopped early.
        seeds: the seeds of an arm, where they are not 0, 1, 2, ...
        epochs: E of a run that has no curve.
        experiment: the value of the column `experiment`.

    Returns:
        Columns experiment, arm, run_id, seed, epoch, diverged (False unless given) and those of `arms`.

    Raises:
        InputError: columns of one arm for different numbers of seeds, or one run's curves of unequal length.

    >>> rows = synthetic_rows({"he": {"val_accuracy": [[0.1, 0.9], [0.1, 0.8]], "test_accuracy": [0.95, 0.94]}})
    >>> rows[["seed", "epoch", "val_accuracy"]].to_numpy().tolist()
    [[0.0, 0.0, 0.1], [0.0, 1.0, 0.9], [1.0, 0.0, 0.1], [1.0, 1.0, 0.8]]
    """
    rows: list[dict[str, Any]] = []
    for arm, columns in arms.items():
        names = (seeds or {}).get(arm, range(len(next(iter(columns.values())))))
        if any(len(entries) != len(names) for entries in columns.values()):
            raise InputError(f"arm {arm}: give every column one entry for each of the {len(names)} seeds")
        for i, seed in enumerate(names):
            run = {"experiment": experiment, "arm": arm, "run_id": f"{arm}-{seed}", "seed": seed}
            rows += [run | row for row in _epochs(arm, {name: of[i] for name, of in columns.items()}, epochs)]
    return pd.DataFrame(rows)


def _epochs(arm: str, columns: Mapping[str, Curve], epochs: int) -> list[dict[str, Any]]:
    """One run's rows; a number that is not a curve is held at every epoch."""
    curves = {name: list(entry) for name, entry in columns.items() if isinstance(entry, Sequence)}
    lengths = {len(curve) for curve in curves.values()} or {epochs + 1}
    if len(lengths) > 1:
        raise InputError(f"arm {arm} has curves of {sorted(lengths)} epochs in one run: give them one length")
    return [
        {"epoch": epoch, "diverged": False}
        | {name: curves[name][epoch] if name in curves else entry for name, entry in columns.items()}
        for epoch in range(lengths.pop())
    ]
