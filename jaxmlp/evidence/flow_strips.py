"""Flow as strips: every layer is one, over training, its colour what a probe saw there; the law's band beside it."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxmlp.evidence import plotting
from jaxmlp.evidence.runs import Tables, by_name, rows_of
from jaxmlp.evidence.single_arm import SingleArm
from jaxmlp.evidence.wording import joined
from jaxmlp.schema import table_named

OUTSIDE = plotting.COLOURS[1]


@dataclass(frozen=True)
class FlowStrips(SingleArm):
    """A column of a table with the key "layer", of every layer over epochs or steps: medians over one arm's runs.

    >>> FlowStrips("plain", "output_gradient_norm").name
    'strips_plain_output_gradient_norm'
    """

    arm: str
    column: str
    table: str = "flow"
    band: tuple[tuple[float, float], ...] = ()
    """What a law allows, (low, high) of each layer's value over that of layer 0; moments outside carry a dot."""
    note: str = ""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"strips_{self.arm}_{self.column}"

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        title = f"{plotting.title_of(self.column).capitalize()} of {self.arm}, a strip for each layer."
        dots = "Dots: over that of layer 0 it is outside of the law's band." if self.band else ""
        return joined(title, self.note, "Colour: the median over the runs.", dots)

    def draw(self, tables: Tables) -> Figure:
        """The strips, layer 0 at the top; raises InputError where the table is not there or has no run of the arm."""
        rows = rows_of(by_name(tables).get(self.table, pd.DataFrame({"arm": []})), self.arms, self.name)
        along = table_named(self.table).along or "epoch"
        strips = rows.groupby(["layer", along])[self.column].median().unstack(along).astype(float)
        with mpl.rc_context(plotting.STYLE):
            figure = Figure(figsize=(6.4, 1.4 + 0.16 * max(6, len(strips))))
            figure.subplots_adjust(
                left=0.1, right=0.98, top=1 - 0.42 / figure.get_figheight(), bottom=0.5 / figure.get_figheight()
            )
            ax = figure.subplots()
            values = strips.to_numpy()
            image = ax.imshow(values, aspect="auto", cmap="viridis", norm=norm_of(values), interpolation="none")
            for layer, moment in np.argwhere(self.outside(values)):
                ax.plot(moment, layer, "o", color=OUTSIDE, markersize=3, label="outside")
            places = np.unique(np.linspace(0, strips.shape[1] - 1, 7).round().astype(int))
            ax.set_xticks(places, [str(strips.columns[i]) for i in places])
            ax.yaxis.set_major_locator(MaxNLocator(integer=True))
            ax.set(xlabel=along, ylabel="layer")
            ax.grid(visible=False)
            figure.colorbar(image, ax=ax, pad=0.02)
            runs = rows["run_id"].nunique()
            plotting.set_heading(figure, f"{self.arm}: {plotting.title_of(self.column)} · n = {runs}", left=0.03)
        return figure

    def outside(self, values: np.ndarray) -> np.ndarray:
        """Where values [L, moments] over those of layer 0 leave the band, bool; nowhere without one."""
        marked = np.zeros(values.shape, bool)
        for layer, (low, high) in enumerate(self.band[: len(values)]):
            ratio = values[layer] / values[0]
            marked[layer] = np.isfinite(ratio) & ((ratio < low) | (ratio > high))
        return marked


def norm_of(values: np.ndarray) -> Normalize:
    """The scale of colours: logarithmic where positive values span much."""
    low, high = plotting.limits_of(values)
    if low > 0 and high / low > plotting.LOG_RATIO:
        return LogNorm(low, high)
    return Normalize(low, high if high > low else low + 1)
