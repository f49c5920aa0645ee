"""Curves over epochs: the band over seeds, the crosses of diverged runs, and the panel that joins them.

Axis letters: E epochs, S seeds (one run per seed).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from jaxmlp.evidence import plotting
from jaxmlp.evidence.plotting import EndLabel
from jaxmlp.evidence.runs import by_arm, diverged_runs
from jaxmlp.evidence.statistics import mean_interval

CROSSES = "Crosses (×): the last finite value of a run that diverged."


@dataclass(frozen=True)
class Band:
    """One column of one arm over epochs: the runs, their mean and its 95 % interval.

    Attributes:
        epochs: [E], from 1: the value before training would set the scale of the axis.
        runs: [S, E], NaN where a run has diverged or stopped.
        mean, low, high: [E] over the runs that have a value; low and high are NaN where fewer than two have.
    """

    epochs: np.ndarray
    runs: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def band_over_seeds(rows: pd.DataFrame, column: str) -> Band:
    """The `Band` of `column` over the runs in `rows`, which belong to one arm."""
    table = rows[rows["epoch"] >= 1].pivot(index="run_id", columns="epoch", values=column).astype(float)
    runs = np.where(np.isfinite(table.to_numpy()), table.to_numpy(), np.nan)
    mean, low, high = np.reshape([_mean_low_high(column) for column in runs.T], (-1, 3)).T
    return Band(table.columns.to_numpy(dtype=float), runs, mean, low, high)


def _mean_low_high(values: np.ndarray) -> tuple[float, float, float]:
    finite = values[np.isfinite(values)]
    if finite.size < 2:
        return (float(finite[0]) if finite.size else np.nan), np.nan, np.nan
    interval = mean_interval(finite)
    return interval.estimate, interval.low, interval.high


@dataclass(frozen=True)
class Cross:
    """Where a diverged run leaves a panel; `value` is None where it never had a finite one."""

    epoch: float
    value: float | None


def crosses_of(rows: pd.DataFrame, column: str) -> list[Cross]:
    """One cross for each diverged run: the last finite value of `column` up to the epoch it diverged in."""
    return [_cross_of(rows.loc[rows["run_id"] == run_id], column) for run_id in diverged_runs(rows)]


def _cross_of(run: pd.DataFrame, column: str) -> Cross:
    epochs, values = run["epoch"].to_numpy(), run[column].to_numpy(dtype=float)
    first = max(1, min(epochs[run["diverged"].to_numpy(dtype=bool)]))
    before = np.flatnonzero((epochs >= 1) & (epochs <= first) & np.isfinite(values))
    if not len(before):
        return Cross(float(first), None)
    last = before[np.argmax(epochs[before])]
    return Cross(float(epochs[last]), float(values[last]))


@dataclass(frozen=True)
class Series:
    """One line of a panel: a column of one arm's rows, its label and its look."""

    label: str
    rows: pd.DataFrame
    column: str
    colour: str
    line_style: str = "-"


def series_of(rows: pd.DataFrame, arms: Sequence[str], column: str) -> list[Series]:
    """One line for each of `arms` that is in `rows`, each with the look of its place among `arms`."""
    return [
        Series(arm, own, column, plotting.colour_of(i), plotting.line_style_of(i)) for i, arm, own in by_arm(rows, arms)
    ]


@dataclass(frozen=True)
class Mark:
    """A diamond at a document's value: at the last epoch where it names none, unlabelled without `text`."""

    epoch: float | None
    value: float
    text: str
    colour: str


def draw_panel(
    ax: Axes, column: str, series: Sequence[Series], marks: Sequence[Mark] = (), level: EndLabel | None = None
) -> None:
    """Draw `series` over epochs on `ax`, with crosses, diamonds, one dashed `level`, and labels at the ends.

    The limits come from the runs, the marks and the level: a band wider than all of them is cut.
    A series without any value is left out, so a document without validation part has no validation line.
    """
    bands = [band_over_seeds(one.rows, one.column) for one in series]
    last = max((band.epochs[-1] for band in bands if len(band.epochs)), default=1.0)
    extra = [mark.value for mark in marks] + ([level.y] if level else [])
    plotting.set_progress(ax, "epoch", 1, last)
    plotting.set_values(ax, column, np.concatenate([*(band.runs.ravel() for band in bands), extra]))
    labels = [label for one, band in zip(series, bands, strict=True) for label in draw_series(ax, one, band)]
    if level:
        ax.axhline(level.y, color=level.colour, linestyle=(0, (5, 3)), linewidth=1.6, label="level")
        labels.append(EndLabel(last, level.y, level.text, level.colour))
    labels += [label for mark in marks for label in draw_mark(ax, mark, last)]
    plotting.label_ends(ax, labels)


def draw_series(ax: Axes, series: Series, band: Band) -> list[EndLabel]:
    """Thin lines, band, mean line, crosses; returns the label of the mean's last value, if there is one."""
    for run in band.runs:
        ax.plot(band.epochs, run, color=series.colour, alpha=0.6, linewidth=0.7, label="run")
    return draw_mean(ax, series, band)


def draw_mean(ax: Axes, series: Series, band: Band) -> list[EndLabel]:
    """`draw_series` without the thin lines."""
    ax.fill_between(band.epochs, band.low, band.high, color=series.colour, alpha=0.2, linewidth=0)
    ax.plot(band.epochs, band.mean, color=series.colour, linestyle=series.line_style, linewidth=1.8, label="mean")
    for cross in crosses_of(series.rows, series.column):
        draw_cross(ax, cross, series.colour)
    finite = np.flatnonzero(np.isfinite(band.mean))
    if not len(finite):
        return []
    epoch, value = float(band.epochs[finite[-1]]), float(band.mean[finite[-1]])
    text = f"{series.label} {plotting.format_value(series.column, value)}"
    return [EndLabel(epoch, value, text, series.colour)]


def draw_cross(ax: Axes, cross: Cross, colour: str) -> None:
    """A cross; on the floor of the axes for a run that never had a finite value."""
    transform = ax.get_xaxis_transform() if cross.value is None else ax.transData
    ax.plot(
        [cross.epoch], [cross.value or 0.0], "x", color=colour, transform=transform,
        markersize=7, markeredgewidth=1.8, clip_on=False, label="diverged",
    )  # fmt: skip


def draw_mark(ax: Axes, mark: Mark, last: float) -> list[EndLabel]:
    """The diamond of `mark`; returns its label, if it has one."""
    epoch = last if mark.epoch is None else mark.epoch
    ax.plot(
        [epoch], [mark.value], "D", color=plotting.PAPER, markeredgecolor=mark.colour, markersize=5.5,
        markeredgewidth=1.4, clip_on=False, zorder=5, label="document",
    )  # fmt: skip
    return [EndLabel(epoch, mark.value, mark.text, mark.colour)] if mark.text else []
