"""The look all figures share: colours, axes, labels at line ends, SVG and PNG.

Everything draws on a `matplotlib.figure.Figure` of its own; pyplot and its global state are never touched.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from scipy.optimize import isotonic_regression

from jaxmlp.schema import column_of

# Okabe and Ito's colours, told apart with any colour vision; their yellow is left out, too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINE_STYLES = ("-", "--", "-.", ":")
# The report replaces these four by the colours of the reader's light or dark page.
INK, MUTED, GRID, PAPER = "#1f2328", "#59636e", "#d1d9e0", "#ffffff"

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, and set in the page's own typeface
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
}
LOG_RATIO = 30.0  # values that span more than this factor are drawn on a logarithmic axis


def title_of(column: str) -> str:
    """The words for a column of the results: "val_accuracy" reads "validation accuracy"."""
    return column_of(column).title


def is_share(column: str) -> bool:
    """Whether a column holds shares of one, which are drawn and written in percent."""
    return column_of(column).unit == "accuracy"


def format_value(column: str, value: float) -> str:
    """A value as a label: accuracies in percent with two decimals, anything else to three digits."""
    return f"{100 * value:.2f} %" if is_share(column) else f"{value:.3g}"


def colour_of(index: int) -> str:
    """The colour of the series at `index`; with `line_style_of`, twelve series have their own look."""
    return COLOURS[index % len(COLOURS)]


def line_style_of(index: int) -> str:
    """The line style of the series at `index`: two lines on top of each other both stay visible."""
    return LINE_STYLES[index % len(LINE_STYLES)]


def tick_format(column: str) -> FuncFormatter:
    """Tick labels without trailing zeros: "97.5 %" for shares, the bare number for anything else."""
    if is_share(column):
        return FuncFormatter(lambda value, _: f"{round(100 * value, 6):g} %")
    return FuncFormatter(lambda value, _: f"{value:g}")


def set_heading(figure: Figure, text: str, left: float) -> None:
    """The figure's title, `left` (a share of the width) from the edge."""
    top = 1 - 0.09 / figure.get_size_inches()[1]
    figure.suptitle(text, x=left, y=top, ha="left", va="top", fontsize=10, fontweight="bold")


def labelled_panel(names: Sequence[str]) -> tuple[Figure, Axes]:
    """A figure with one panel, and room right of it for end labels that begin with `names`."""
    ticks, panel, label = 0.75, 3.1, 1.0 + 0.07 * max(map(len, names))  # inches; 1.0 takes a leader and a value
    width = ticks + panel + label
    figure = Figure(figsize=(width, 3.5))
    figure.subplots_adjust(left=ticks / width, right=1 - label / width, top=0.89, bottom=0.13)
    return figure, figure.subplots()


def set_progress(ax: Axes, unit: str, first: float, last: float) -> None:
    """Whole units ("epoch") from `first` to `last` on the x-axis, so that lines end where their labels begin."""
    ax.set_xlim(first, last if last > first else first + 1)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    ax.set_xlabel(unit)


def limits_of(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest finite value; (0, 1) where there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def set_values(ax: Axes, column: str, values: np.ndarray) -> None:
    """Scale, limits and tick labels of the y-axis, from all `values` it has to show."""
    low, high = limits_of(values)
    if low > 0 and high / low > LOG_RATIO and not is_share(column):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 1000 else (1, 2, 5)))
        ax.yaxis.set_minor_formatter(NullFormatter())
        margin = (high / low) ** 0.05
        ax.set_ylim(low / margin, high * margin)
    else:
        margin = 0.05 * (high - low) or 0.01
        ax.set_ylim(low - margin, high + margin)
    ax.yaxis.set_major_formatter(tick_format(column))


def panel_title(ax: Axes, column: str) -> str:
    """The words for what `ax` shows, with its scale where that is not the plain one."""
    return title_of(column) + (" (log scale)" if ax.get_yscale() == "log" else "")


@dataclass(frozen=True)
class EndLabel:
    """Words for a line, to stand beside its end at (x, y) in data coordinates."""

    x: float
    y: float
    text: str
    colour: str


def label_ends(ax: Axes, labels: Sequence[EndLabel], size: float = 9.0) -> None:
    """Set the labels right of `ax`, moved apart as little as it takes, each tied to its line by a leader.

    They replace a legend: the eye need not travel, and colour is never the only link. The leader of a line that ends
    within the panel is dotted, so that it does not pass for the line's continuation.
    """
    if not labels:
        return
    window = ax.get_window_extent()
    gap = 1.35 * size / 72 * ax.figure.dpi / window.height
    to_axes = ax.transData + ax.transAxes.inverted()
    ends = to_axes.transform([(label.x, label.y) for label in labels])
    for label, (x, y), place in zip(labels, ends, spread(ends[:, 1], gap), strict=True):
        ax.plot(
            [x, max(x, 1.0) + 0.05], [y, place], color=label.colour, linewidth=1.0, linestyle="-" if x > 0.99 else ":",
            transform=ax.transAxes, clip_on=False, label="leader",
        )  # fmt: skip
        ax.text(max(x, 1.0) + 0.07, place, label.text, transform=ax.transAxes, va="center", fontsize=size)


def spread(targets: np.ndarray, gap: float) -> np.ndarray:
    """Places in [0, 1] at least `gap` apart, in the order of `targets`, nearest to them in least squares.

    With the required steps subtracted, "at least `gap` apart" reads "not decreasing": an isotonic regression.
    More labels than fit overflow the top, still `gap` apart.
    """
    order = np.argsort(targets, kind="stable")
    steps = gap * np.arange(len(targets))
    rising = isotonic_regression(np.asarray(targets)[order] - steps).x
    places = np.empty(len(targets))
    places[order] = np.clip(rising, 0.0, max(0.0, 1.0 - steps[-1])) + steps
    return places


def svg_bytes(figure: Figure, name: str) -> bytes:
    """`figure` as SVG: one drawing, one byte string. Ids are salted with `name`; no date, no program name."""
    buffer = io.BytesIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return buffer.getvalue()


def png_bytes(figure: Figure) -> bytes:
    """`figure` as PNG at 200 dots per inch, without the program's name and version."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=200, metadata={"Software": None})
    return buffer.getvalue()
