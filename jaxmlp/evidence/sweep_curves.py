"""Curves over a setting: where runs end against the number that was swept, such as the learning rate."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from jaxmlp.evidence import plotting
from jaxmlp.evidence.claims import Reported
from jaxmlp.evidence.plotting import EndLabel, title_of
from jaxmlp.evidence.runs import Tables, count_text, drawn_rows, final_values, rows_of
from jaxmlp.evidence.statistics import mean_interval
from jaxmlp.evidence.wording import joined
from jaxmlp.training.state import EPOCHS

MOST_TICKS = 7
_READING = "One dot is one run; line and bars: their mean and its 95 % interval."


@dataclass(frozen=True)
class Sweep:
    """One line: its label, and the arm at each value of the setting, all above 0.

    >>> Sweep("net A", ((0.01, "small rate"), (1.0, "large rate"))).points[0]
    (0.01, 'small rate')
    """

    label: str
    points: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class SweepCurves:
    """The last value of `column` in every run against a setting on a logarithmic axis, one line per sweep.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> figure = SweepCurves((Sweep("net A", ((0.01, "low"), (1.0, "high"))),), "test_accuracy", "learning rate")
    >>> rows = synthetic_rows({"low": {"test_accuracy": [0.2, 0.4]}, "high": {"test_accuracy": [0.9, 0.9]}})
    >>> figure.arms, figure.draw(rows).axes[0].get_xscale()
    (('low', 'high'), 'log')
    """

    sweeps: tuple[Sweep, ...]
    column: str
    setting: str
    """The words for the x-axis, such as "learning rate"."""
    note: str = ""
    reported: tuple[Reported, ...] = ()

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"sweep_{self.column}_{self.setting.replace(' ', '_')}"

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms of its sweeps."""
        return tuple(dict.fromkeys(arm for sweep in self.sweeps for _, arm in sweep.points))

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        diamonds = "Diamonds: the document's numbers, of one run each." if self.reported else ""
        what = f"{title_of(self.column).capitalize()} at the end, by {self.setting} (log scale)."
        return joined(what, self.note, _READING, diamonds)

    @property
    def tables(self) -> tuple[str, ...]:
        """The one table it is drawn from."""
        return (EPOCHS.name,)

    def draw(self, tables: Tables) -> Figure:
        """One line per sweep of which an arm was run; raises InputError where there is none."""
        rows = rows_of(drawn_rows(tables, *self.tables), self.arms, self.name)
        with mpl.rc_context(plotting.STYLE):
            figure, ax = plotting.labelled_panel([sweep.label for sweep in self.sweeps])
            self._set_progress(ax)
            labels = [self._draw_sweep(ax, i, rows) for i in range(len(self.sweeps))]
            plotting.set_values(ax, self.column, self._shown(rows))
            plotting.label_ends(ax, [label for label in labels if label is not None])
            plotting.set_heading(figure, f"{title_of(self.column)} · {count_text(rows)}", left=0.03)
        return figure

    def _set_progress(self, ax: Axes) -> None:
        """A logarithmic axis, with a tick at each value where they are few."""
        values = sorted({x for sweep in self.sweeps for x, _ in sweep.points})
        ax.set_xscale("log")
        ax.set_xlabel(self.setting)
        ax.set_xlim(values[0] / 1.1, values[-1] * 1.1)
        if len(values) <= MOST_TICKS:
            ax.set_xticks(values, [f"{value:g}" for value in values])
            ax.xaxis.set_minor_locator(NullLocator())

    def _shown(self, rows: pd.DataFrame) -> np.ndarray:
        numbers = [final_values(rows, self.column).to_numpy(dtype=float)]
        return np.concatenate([*numbers, [one.value for arm in self.arms for one in self._marks(arm)]])

    def _marks(self, arm: str) -> list[Reported]:
        wanted = (self.column, "final")
        return [one for one in self.reported if one.arm == arm and (one.measure.column, one.measure.when) == wanted]

    def _draw_sweep(self, ax: Axes, index: int, rows: pd.DataFrame) -> EndLabel | None:
        sweep, colour = self.sweeps[index], plotting.colour_of(index)
        means: list[tuple[float, float]] = []
        for x, arm in sorted(sweep.points):
            values = final_values(rows.loc[rows["arm"] == arm], self.column).to_numpy(dtype=float)
            finite = values[np.isfinite(values)]
            if finite.size:
                means.append((x, self._draw_point(ax, x, finite, colour)))
            for one in self._marks(arm) if self._is_first(index, arm) else []:
                ax.plot([x], [one.value], "D", color=plotting.PAPER, markeredgecolor=colour, markersize=5.5,
                        markeredgewidth=1.4, zorder=5, clip_on=False, label="document")  # fmt: skip
        if not means:
            return None
        ax.plot(*zip(*means, strict=True), color=colour, linestyle=plotting.line_style_of(index), linewidth=1.8,
                label="mean")  # fmt: skip
        return EndLabel(*means[-1], sweep.label, colour)

    def _is_first(self, index: int, arm: str) -> bool:
        """Whether no earlier sweep has the arm: its number is drawn once."""
        return all(arm != other for sweep in self.sweeps[:index] for _, other in sweep.points)

    def _draw_point(self, ax: Axes, x: float, values: np.ndarray, colour: str) -> float:
        """The runs of one arm as dots, with the interval of their mean; returns the mean."""
        ax.plot([x] * len(values), values, "o", color=colour, alpha=0.35, markersize=3, markeredgewidth=0, label="run")
        mean = float(values.mean())
        if len(values) > 1:
            interval = mean_interval(values)
            ax.plot([x, x], [interval.low, interval.high], color=colour, linewidth=2.5, alpha=0.6, label="interval")
        return mean
