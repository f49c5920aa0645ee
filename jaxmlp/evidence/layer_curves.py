"""Curves of every layer: what a probe saw of one arm's nets, from the first linear to the last."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from jaxmlp.evidence import plotting
from jaxmlp.evidence.plotting import EndLabel, format_value, title_of
from jaxmlp.evidence.runs import Tables, by_name, rows_of
from jaxmlp.evidence.single_arm import SingleArm
from jaxmlp.evidence.wording import joined
from jaxmlp.schema import table_named

LABELS = 6
"""Layers that are named at their lines' ends, at most: the first, the last and some between."""


@dataclass(frozen=True)
class LayerCurves(SingleArm):
    """A column of a table with the key "layer", over epochs or steps: the median over one arm's runs, layer by layer.

    >>> LayerCurves("plain", "gradient_norm").name
    'layers_plain_gradient_norm'
    """

    arm: str
    column: str
    table: str = "gradient_norms"
    """The name of the table that has the column."""
    note: str = ""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"layers_{self.arm}_{self.column}"

    @property
    def along(self) -> str:
        """What it runs along: "epoch" or "step"."""
        return table_named(self.table).along or "epoch"

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        title = f"{title_of(self.column).capitalize()} of every layer of {self.arm} over {self.along}s."
        lines = "Lines: the median over the runs that have a finite value there, from the first linear (dark, layer 0)"
        return joined(title, self.note, f"{lines} to the last (bright).")

    def draw(self, tables: Tables) -> Figure:
        """One line per layer; raises InputError where the table is not there or has no run of the arm."""
        rows = rows_of(by_name(tables).get(self.table, pd.DataFrame({"arm": []})), self.arms, self.name)
        finite = rows.loc[np.isfinite(rows[self.column].astype(float))]
        medians = finite.groupby([self.along, "layer"])[self.column].median().unstack("layer").astype(float)
        with mpl.rc_context(plotting.STYLE):
            figure, ax = plotting.labelled_panel(["layer 00"])
            if len(medians):
                self._draw_lines(ax, medians)
            heading = f"{self.arm}: {plotting.panel_title(ax, self.column)} · n = {rows['run_id'].nunique()}"
            plotting.set_heading(figure, heading, left=0.03)
        return figure

    def _draw_lines(self, ax: Axes, medians: pd.DataFrame) -> None:
        plotting.set_progress(ax, self.along, medians.index[0], medians.index[-1])
        plotting.set_values(ax, self.column, medians.to_numpy())
        colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, medians.shape[1]))
        named = np.unique(np.linspace(0, medians.shape[1] - 1, LABELS).round().astype(int))
        labels = []
        for i, (layer, median) in enumerate(medians.items()):
            line = median.dropna()
            ax.plot(line.index, line, color=to_hex(colours[i]), linewidth=1.6, label=f"layer {layer}")
            if i in named:
                text = f"layer {layer} {format_value(self.column, line.iloc[-1])}"
                labels.append(EndLabel(line.index[-1], line.iloc[-1], text, to_hex(colours[i])))
        plotting.label_ends(ax, labels)
