"""Curves between epochs: batch loss or accuracy over iterations, whole or zoomed in on the first of them (S-100)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmlp.errors import InputError, check_choice
from jaxmlp.evidence import plotting
from jaxmlp.evidence.curves import CROSSES, Band, Series, draw_mean
from jaxmlp.evidence.plotting import title_of
from jaxmlp.evidence.runs import Tables, by_arm, by_name, count_text, drawn_rows, rows_of
from jaxmlp.evidence.wording import joined
from jaxmlp.study.tables import mean_band
from jaxmlp.training.state import EPOCHS
from jaxmlp.training.step_log import STEPS

_COLUMNS = tuple(column.name for column in STEPS.columns)


@dataclass(frozen=True)
class StepCurves:
    """A column of the logged steps over iterations, one mean and its band over seeds per arm (S-097, S-100, E-032).

    Single runs are left out: D2's batch size of 10 logs 6,000 windows a run.

    Raises:
        InputError: arms that are not a tuple of names, an unknown column, or `first` below 1.

    >>> StepCurves(("small", "large"), first=300).name
    'steps_batch_loss_first_300'
    """

    arms: tuple[str, ...]
    column: str = "batch_loss"
    """One of `_COLUMNS`."""
    first: int | None = None
    """Only the first so many windows of each run: 300 and 250 in D2's zooms; None is all of them."""
    note: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.arms, str) or not self.arms:
            raise InputError(
                f"arms is {self.arms!r}: give a tuple of one or more arms' names, such as ('relu', 'tanh')"
            )
        check_choice("column of steps", self.column, _COLUMNS)
        if self.first is not None and self.first < 1:
            raise InputError(f"first is {self.first} windows: give at least 1, or None for all of them")

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"steps_{self.column}" + (f"_first_{self.first}" if self.first else "")

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        part = f", the first {self.first} logged windows of each run" if self.first else ""
        reading = "Line and band: mean over the runs of a window's batches, and its 95 % interval."
        return joined(f"{title_of(self.column).capitalize()} over iterations{part}.", self.note, reading, CROSSES)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it is drawn from."""
        return (EPOCHS.name, STEPS.name)

    def draw(self, tables: Tables) -> Figure:
        """One line per arm found in "steps", and in words which of those that were run logged none.

        Raises:
            InputError: none of the arms was run.
        """
        run = [arm for _, arm, _ in by_arm(rows_of(drawn_rows(tables, EPOCHS.name), self.arms, self.name), self.arms)]
        shown = _first_windows(by_name(tables).get(STEPS.name), self.arms, self.first)
        silent = [arm for arm in run if arm not in set(shown["arm"])]
        with mpl.rc_context(plotting.STYLE):
            figure, ax = plotting.labelled_panel(run)
            title = title_of(self.column)
            if shown.empty:
                ax.set_axis_off()
            else:
                _draw_bands(ax, self.column, shown, self.arms)
                title = f"{plotting.panel_title(ax, self.column)} · {count_text(shown)}"
            plotting.set_heading(figure, title, left=0.03)
            if silent:
                figure.subplots_adjust(bottom=0.24)
                text = f"No logged steps of {', '.join(silent)}: {STEPS.source}."
                figure.text(0.03, 0.02, textwrap.fill(text, 80), fontsize=9)
        return figure


def _first_windows(steps: pd.DataFrame | None, arms: Sequence[str], first: int | None) -> pd.DataFrame:
    """The logged steps of `arms` as curves take them: the step under the name `epoch`, `diverged` where a loss is lost.

    A run without a finite loss in its first windows still has its rows, and so its cross.
    """
    if steps is None:
        return pd.DataFrame(columns=["arm"])
    chosen = steps.loc[steps["arm"].isin(arms)].sort_values(str(STEPS.along), kind="stable")
    if first is not None:
        chosen = chosen.groupby("run_id", sort=False).head(first)
    lost = ~np.isfinite(chosen["batch_loss"].astype(float))
    return chosen.rename(columns={STEPS.along: "epoch"}).assign(diverged=lost)


def _draw_bands(ax: Axes, column: str, shown: pd.DataFrame, arms: Sequence[str]) -> None:
    """The means with their bands, crosses, and labels at the ends; the limits are those of the means."""
    series = [
        Series(arm, own, column, plotting.colour_of(i), plotting.line_style_of(i))
        for i, arm, own in by_arm(shown, arms)
    ]
    bands = [_band_of(one.rows, column) for one in series]
    plotting.set_progress(ax, "iteration", 0, max(band.epochs[-1] for band in bands))
    plotting.set_values(ax, column, np.concatenate([band.mean for band in bands]))
    labels = [label for one, band in zip(series, bands, strict=True) for label in draw_mean(ax, one, band)]
    plotting.label_ends(ax, labels)


def _band_of(rows: pd.DataFrame, column: str) -> Band:
    """The band over the runs of one arm."""
    table = mean_band(rows, column, ("epoch",))
    mean, low, high = (table[name].to_numpy(dtype=float) for name in ("mean", "low", "high"))
    return Band(table["epoch"].to_numpy(dtype=float), np.empty((0, len(table))), mean, low, high)
