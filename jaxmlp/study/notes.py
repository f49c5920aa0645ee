"""What a study says about its arms before it trains, and about its runs when it has: what a mean would hide."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
import pandas as pd

from jaxmlp.data import split_named
from jaxmlp.study.processor import CPUINFO, bfloat16_is_slow, describe_processor

if TYPE_CHECKING:
    from jaxmlp.study.arms import Arm

EXPLODED = 1e4
"""A loss beyond it is no loss of a net that learns: a guess of ten classes has ln 10 = 2.3. Of numbers, whose unit is
the user's, so many times the variance of the targets: an R² below minus this."""
COLLAPSED = 0.05
"""What the last model's validation score must lie below the tested one's to be told."""


def notes_before(arms: Sequence["Arm"], cpuinfo: Path = CPUINFO) -> Iterator[str]:
    """Options of these arms that do not do what they seem to, on the processor that the system tells of."""
    ordered = [arm.name for arm in arms if not arm.spec.data.shuffle and split_named(arm.spec.data.split).shuffled]
    if ordered:
        yield (
            f"note: shuffle is off in {_listed(ordered)}, and the split has already drawn the rows in a random order: "
            "every epoch has that one; split last_tenth keeps the order of the file"
        )
    processor = describe_processor(cpuinfo)
    if jax.default_backend() == "cpu" and bfloat16_is_slow(processor):
        halves = [arm.name for arm in arms if arm.spec.precision == "bfloat16"]
        if halves:
            yield (
                f"note: this processor ({processor['name'] or 'unnamed'}) has no units for bfloat16 "
                f"(avx512_bf16 or amx_bf16): {_listed(halves)} will take longer than in float32"
            )


def notes_after(rows: pd.DataFrame) -> Iterator[str]:
    """What happened to runs that their tested score does not show.

    Args:
        rows: of the table "epochs".
    """
    if rows.empty:
        return
    for arm, own in rows.groupby("arm", sort=False):
        runs = [one.sort_values("epoch") for _, one in own.groupby("run_id", sort=False)]
        exploded = [run for run in runs if _exploded(run)]
        if exploded:
            losses = [_last(run, "train_loss") for run in exploded]
            yield (
                f"note: {len(exploded)} of {len(runs)} runs of {arm!r} exploded: their training loss ends at "
                f"{min(losses):.2g} to {max(losses):.2g}, finite, so they do not count as diverged"
            )
        fallen = [(run, fall) for run in runs if (fall := _fall(run)) > COLLAPSED]
        if fallen:
            run, fall = max(fallen, key=lambda one: one[1])
            yield (
                f"note: {len(fallen)} of {len(runs)} runs of {arm!r} were better before they ended: seed "
                f"{run['seed'].iloc[0]} is tested as of epoch {_selected(run)}, its last model, of epoch "
                f"{run['epoch'].iloc[-1]}, has {100 * fall:.0f} points less validation score"
            )
        ties = [run for run in runs if _tied(run)]
        if ties:
            yield (
                f"note: in {len(ties)} of {len(runs)} runs of {arm!r} all epochs have one validation score: what is "
                "tested is the first of equals, after one epoch"
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _column(run: pd.DataFrame, *names: str) -> np.ndarray | None:
    """The first of these columns that has numbers in a run."""
    for name in names:
        if name in run and bool(run[name].notna().to_numpy().any()):
            return run[name].to_numpy(float)
    return None


def _last(run: pd.DataFrame, name: str) -> float:
    return float(run[name].iloc[-1])


def _exploded(run: pd.DataFrame) -> bool:
    """Finite to the end, and far beyond what any net that learns has."""
    if bool(run["diverged"].iloc[-1]):
        return False
    if (score := _column(run, "val_score", "train_score")) is not None:
        return bool(score[-1] < -EXPLODED)
    return _last(run, "train_loss") > EXPLODED


def _selected(run: pd.DataFrame) -> int:
    return int(run["selected_epoch"].iloc[-1])


def _fall(run: pd.DataFrame) -> float:
    """By how much the last model's validation score is below that of the model that was tested."""
    scores = _column(run, "val_accuracy", "val_score")
    if scores is None or bool(run["diverged"].iloc[-1]):
        return 0.0
    at = run["epoch"].to_numpy() == _selected(run)
    return float(scores[at][0] - scores[-1]) if at.any() else 0.0


def _tied(run: pd.DataFrame) -> bool:
    """Whether a selection by validation had nothing to choose by."""
    scores = _column(run, "val_accuracy", "val_score")
    if scores is None or len(scores) < 4 or _selected(run) != 1 or bool(run["diverged"].iloc[-1]):
        return False
    return bool(np.ptp(scores[1:]) == 0.0)
