"""Vital signs of one run on one page: how it trains, and what its layers do meanwhile."""

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxmlp.evidence import plotting
from jaxmlp.evidence.flow_strips import norm_of
from jaxmlp.evidence.runs import Tables, by_name, rows_of
from jaxmlp.evidence.wording import joined

CURVES = (
    ("epochs", ("train_loss", "val_loss")),
    ("epochs", ("train_accuracy", "val_accuracy")),
    ("norm_statistics", ("val_score_running", "val_score_batch", "val_score_full_data")),
    ("curvature", ("largest_eigenvalue", "batch_sharpness")),
    ("output_flow", ("distinct_outputs",)),
)
"""(table, columns) of panels with a line for each column."""
STRIPS = (
    ("flow", "linear_standard_deviation"),
    ("flow", "output_gradient_norm"),
    ("flow", "dead_unit_share"),
    ("flow", "linear_input_correlation"),
    ("weight_path", "update_ratio"),
)
"""(table, column) of panels with a strip for each layer."""


@dataclass(frozen=True)
class VitalSigns:
    """One run of an arm, over epochs: loss, scores and curvature, and per layer values, gradients and updates.

    Of the probes' tables it draws those that the study has.

    >>> VitalSigns("deep", seed=3).name
    'vital_signs_deep_3'
    """

    arm: str
    seed: int = 0
    note: str = ""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"vital_signs_{self.arm}_{self.seed}"

    @property
    def arms(self) -> tuple[str, ...]:
        """The one arm it shows."""
        return (self.arm,)

    @property
    def tables(self) -> tuple[str, ...]:
        """The table that it needs."""
        return ("epochs",)

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        title = f"Vital signs of {self.arm}, seed {self.seed}, over epochs."
        return joined(title, self.note, "Coloured panels: a strip for each layer, the first at the top.")

    def draw(self, tables: Tables) -> Figure:
        """All panels; raises InputError where there is no run of the arm and seed."""
        found = {name: table.loc[table["seed"] == self.seed, :] for name, table in by_name(tables).items()}
        rows_of(found.get("epochs", pd.DataFrame({"arm": []})), self.arms, self.name)
        found = {name: table.loc[table["arm"] == self.arm, :] for name, table in found.items()}
        curves = [(table, columns) for table, columns in CURVES if table in found]
        strips = [(table, column) for table, column in STRIPS if column in found.get(table, ())]
        height = -(-(len(curves) + len(strips)) // 3)
        with mpl.rc_context(plotting.STYLE):
            figure = Figure(figsize=(10.0, 0.5 + 2.3 * height))
            figure.subplots_adjust(left=0.06, right=0.98, top=1 - 0.6 / figure.get_figheight(), hspace=0.55, wspace=0.3)
            panels = list(figure.subplots(height, 3, squeeze=False).flat)
            for (table, columns), ax in zip(curves, panels, strict=False):
                _draw_curves(ax, found[table], columns)
            for (table, column), ax in zip(strips, panels[len(curves) :], strict=False):
                _draw_strips(figure, ax, found[table], column)
            for ax in panels[len(curves) + len(strips) :]:
                ax.set_visible(False)
            plotting.set_heading(figure, f"{self.arm}, seed {self.seed}", left=0.03)
        return figure


def _draw_curves(ax: Axes, rows: pd.DataFrame, columns: tuple[str, ...]) -> None:
    rows = rows.sort_values("epoch")
    values = rows[list(columns)].to_numpy(float)
    plotting.set_progress(ax, "epoch", *map(float, np.sort(rows["epoch"].to_numpy())[[0, -1]]))
    plotting.set_values(ax, columns[0], values)
    for i, column in enumerate(columns):
        style: dict[str, Any] = {"color": plotting.colour_of(i), "linestyle": plotting.line_style_of(i)}
        ax.plot(rows["epoch"], rows[column], label=plotting.title_of(column), linewidth=1.4, **style)
    ax.legend(fontsize=7, frameon=False)


def _draw_strips(figure: Figure, ax: Axes, rows: pd.DataFrame, column: str) -> None:
    strips = rows.pivot(index="layer", columns="epoch", values=column).astype(float)
    values = np.where(np.isfinite(strips.to_numpy()), strips.to_numpy(), np.nan)
    extent = (strips.columns[0] - 0.5, strips.columns[-1] + 0.5, len(strips) - 0.5, -0.5)
    image = ax.imshow(values, aspect="auto", cmap="viridis", norm=norm_of(values), extent=extent, interpolation="none")
    ax.set_title(column.replace("_", " "), fontsize=9)
    ax.set(xlabel="epoch", ylabel="layer")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False)
    figure.colorbar(image, ax=ax)
