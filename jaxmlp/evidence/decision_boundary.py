"""Decision boundaries over training: what one run's net answers all over the plane, moment by moment."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from jaxmlp.evidence import plotting
from jaxmlp.evidence.runs import Tables, by_name, rows_of
from jaxmlp.evidence.single_arm import SingleArm
from jaxmlp.evidence.wording import joined
from jaxmlp.schema import table_named

PANELS = 6
"""Moments that are shown, at most: the first, the last and some between."""


@dataclass(frozen=True)
class DecisionBoundary(SingleArm):
    """The predicted class over the plane of two inputs, for one run of an arm: the class is the colour, and the
    probability its strength.

    >>> DecisionBoundary("2-4-2").name
    'boundary_2-4-2_0'
    """

    arm: str
    seed: int = 0
    table: str = "decision_grid"
    note: str = ""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"boundary_{self.arm}_{self.seed}"

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        title = f"Predicted class over the plane of both inputs, {self.arm}, seed {self.seed}."
        return joined(title, self.note, "The paler, the less probable; a white line is where the class changes.")

    def draw(self, tables: Tables) -> Figure:
        """One panel per moment; raises InputError where the table is not there or has no run of the arm and seed."""
        rows = by_name(tables).get(self.table, pd.DataFrame({"arm": [], "seed": []}))
        rows = rows_of(rows.loc[rows["seed"] == self.seed, :], self.arms, self.name)
        along = table_named(self.table).along or "epoch"
        moments = np.unique(rows[along])
        shown = moments[np.unique(np.linspace(0, len(moments) - 1, PANELS).round().astype(int))]
        with mpl.rc_context(plotting.STYLE):
            figure = Figure(figsize=(0.4 + 1.6 * len(shown), 2.3))
            figure.subplots_adjust(left=0.02, right=0.98, top=0.76, bottom=0.03, wspace=0.08)
            for ax, moment in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
                self._draw_panel(ax, rows.loc[rows[along] == moment, :])
                ax.set_title(f"{along} {moment}", fontsize=9)
            plotting.set_heading(figure, f"{self.arm}, seed {self.seed}: predicted class", left=0.02)
        return figure

    def _draw_panel(self, ax: Axes, rows: pd.DataFrame) -> None:
        def plane(column: str) -> np.ndarray:
            return rows.pivot(index="grid_row", columns="grid_column", values=column).to_numpy(float)

        classes, x, y = plane("grid_class"), plane("first_input"), plane("second_input")
        colours = ListedColormap([plotting.colour_of(i) for i in range(max(2, int(classes.max()) + 1))])
        strength = np.clip(0.15 + 0.85 * (2 * plane("grid_confidence") - 1), 0.15, 1.0)
        extent = (x.min(), x.max(), y.min(), y.max())
        ax.imshow(classes, cmap=colours, vmin=0, vmax=colours.N - 1, alpha=strength, extent=extent, origin="lower")
        if len(np.unique(classes)) > 1:
            ax.contour(x, y, classes, levels=np.arange(0.5, classes.max()), colors="white", linewidths=1.2)
        ax.set(xticks=[], yticks=[], aspect="auto")
