"""Strips of dots: the last value of every run, arm by arm, with mean and interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jaxmlp.evidence import plotting
from jaxmlp.evidence.plotting import format_value
from jaxmlp.evidence.runs import diverged_runs, final_values
from jaxmlp.evidence.statistics import mean_interval, two_groups

GOLDEN = 0.618034  # multiples of the golden ratio, modulo 1, fill a strip evenly for any number of runs
# Heights within a strip, one strip per unit: heading, dots, interval, the document's diamonds.
HEADING, DOTS, DOTS_HEIGHT, INTERVAL, DIAMOND = 0.30, 0.0, 0.20, -0.20, -0.40


@dataclass(frozen=True)
class Strip:
    """One arm: its runs' last values [S], which of them diverged [S], and the document's (value, text)."""

    arm: str
    values: np.ndarray
    diverged: np.ndarray
    colour: str
    marks: Sequence[tuple[float, str]] = ()


def strip_of(rows: pd.DataFrame, column: str, colour: str, marks: Sequence[tuple[float, str]]) -> Strip:
    """The `Strip` of one arm's `rows`."""
    values = final_values(rows, column)
    diverged = values.index.isin(diverged_runs(rows))
    return Strip(str(rows["arm"].iloc[0]), values.to_numpy(), diverged, colour, marks)


def draw_strips(ax: Axes, column: str, strips: Sequence[Strip]) -> None:
    """Draw `strips` from top to bottom on one shared x-axis."""
    shown = [np.append(strip.values, [value for value, _ in strip.marks]) for strip in strips]
    low, high = plotting.limits_of(np.concatenate(shown))
    margin = 0.05 * (high - low) or 0.01
    ax.set_xlim(low - margin, high + margin)
    ax.set_ylim(-0.55, len(strips) - 0.45)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(plotting.title_of(column))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(plotting.tick_format(column))
    for row, strip in enumerate(reversed(strips)):
        draw_strip(ax, row, strip, column)


def draw_strip(ax: Axes, row: int, strip: Strip, column: str) -> None:
    """One arm at height `row`: heading and summary, a dot or a cross per run, interval, diamonds."""
    _draw_heading(ax, strip.arm, _summary(strip, column), row + HEADING)
    heights = row + DOTS + DOTS_HEIGHT * ((np.arange(len(strip.values)) * GOLDEN) % 1 - 0.5)
    ran = ~strip.diverged
    ax.plot(
        strip.values[ran], heights[ran], "o", color=strip.colour, alpha=0.75, markersize=5,
        markeredgewidth=0, label="run",
    )  # fmt: skip
    _draw_crosses(ax, strip, heights)
    _draw_interval(ax, strip, row + INTERVAL)
    for value, text in strip.marks:
        _draw_diamond(ax, value, row + DIAMOND, text)


def _draw_heading(ax: Axes, arm: str, summary: str, height: float) -> None:
    """The arm on the left, its summary on the right, on a ground of their own that hides the grid."""
    look = {
        "transform": ax.get_yaxis_transform(),
        "va": "center",
        "bbox": {"facecolor": plotting.PAPER, "edgecolor": "none", "pad": 1.5},
    }
    ax.text(0, height, arm, fontweight="bold", **look)
    ax.text(1, height, summary, ha="right", fontsize=9, **look)


def _summary(strip: Strip, column: str) -> str:
    """Mean, interval and n in words: "97.60 % (97.51 to 97.69), n = 10"; of two groups their medians and sizes."""
    finite = strip.values[np.isfinite(strip.values)]
    n = len(strip.values)
    if len(finite) == 0:
        return f"no finite value, n = {n}"
    groups = two_groups(finite) if plotting.is_share(column) else None
    if groups is not None:
        low, high = (format_value(column, median) for median in groups.medians)
        return f"{groups.low} around {low}, {groups.n - groups.low} around {high}, n = {n}"
    interval = mean_interval(finite)
    text = format_value(column, interval.estimate)
    if len(finite) > 1:
        text += f" ({_ends(interval.low, interval.high, column)})"
    return f"{text}, n = {n}" if len(finite) == n else f"{text}, {len(finite)} of n = {n}"


def _ends(low: float, high: float, column: str) -> str:
    if plotting.is_share(column):
        return f"{100 * low:.2f} to {100 * high:.2f}"
    return f"{low:.3g} to {high:.3g}"


def _draw_crosses(ax: Axes, strip: Strip, heights: np.ndarray) -> None:
    """Diverged runs; those without a finite value stand on the left edge."""
    look = {
        "color": strip.colour,
        "markersize": 7,
        "markeredgewidth": 1.8,
        "clip_on": False,
        "label": "diverged",
    }
    inside = strip.diverged & np.isfinite(strip.values)
    outside = strip.diverged & ~inside
    if inside.any():
        ax.plot(strip.values[inside], heights[inside], "x", **look)
    if outside.any():
        ax.plot(np.zeros(outside.sum()), heights[outside], "x", transform=ax.get_yaxis_transform(), **look)


def _draw_interval(ax: Axes, strip: Strip, height: float) -> None:
    finite = strip.values[np.isfinite(strip.values)]
    if len(finite) < 2:
        return
    interval = mean_interval(finite)
    ax.plot([interval.low, interval.high], [height, height], color=plotting.INK, linewidth=1.6, label="interval")
    ax.plot([interval.estimate], [height], "|", color=plotting.INK, markersize=9, markeredgewidth=2, label="mean")


def _draw_diamond(ax: Axes, value: float, height: float, text: str) -> None:
    """A diamond with its text on the side where there is room."""
    ax.plot(
        [value], [height], "D", color=plotting.PAPER, markeredgecolor=plotting.INK, markersize=6,
        markeredgewidth=1.4, label="document",
    )  # fmt: skip
    right = value < np.mean(ax.get_xlim())
    ax.annotate(
        text, (value, height), xytext=(8 if right else -8, 0), textcoords="offset points", va="center",
        ha="left" if right else "right", fontsize=9,
    )  # fmt: skip
