"""A law in a figure: for every size the measured number over the predicted one, with its interval, and a line at 1."""

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmlp.errors import InputError
from jaxmlp.evidence import plotting
from jaxmlp.evidence.predicted import Predicted, compare_predicted, number_texts
from jaxmlp.evidence.runs import Tables
from jaxmlp.evidence.wording import joined

_ROW, _LEFT, _RIGHT = 0.3, 2.9, 2.2
"""Inches of a row, and of the words on either side."""


@dataclass(frozen=True)
class LawRows:
    """The numbers of one law, a row for each formula and size.

    >>> from jaxmlp.evidence import Predicted, Value, final
    >>> LawRows((Predicted("drift", "−5/(2n)", "n = 64", -5 / 128, Value("n_64", final("train_loss"))),)).name
    'law_drift'
    """

    predicted: tuple[Predicted, ...]
    """All of one law."""
    note: str = ""

    @property
    def law(self) -> str:
        """What it is about."""
        return self.predicted[0].law

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"law_{self.law.replace(' ', '_')}"

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        reading = "Each row is what was measured over what the formula gives, with the 95 % interval."
        dots = "Filled: the interval holds the law's number, the line at 1; open: it does not."
        return joined(f"{self.law[0].upper()}{self.law[1:]}.", self.note, reading, dots)

    @property
    def arms(self) -> tuple[str, ...]:
        """What it shows."""
        return tuple(dict.fromkeys(one.measured.arm for one in self.predicted))

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that it is drawn from."""
        return tuple(dict.fromkeys(one.measured.table for one in self.predicted))

    def draw(self, tables: Tables) -> Figure:
        """One row per number that was measured; raises InputError where there is none."""
        found = [one for one in compare_predicted(self.predicted, tables) if one["inside"] is not None]
        if not found:
            raise InputError(f"figure {self.name} needs {', '.join(self.arms)}, of which the results have too few runs")
        height = 0.95 + _ROW * len(found)
        width = _LEFT + 2.6 + _RIGHT
        with mpl.rc_context(plotting.STYLE):
            figure = Figure(figsize=(width, height))
            figure.subplots_adjust(
                left=_LEFT / width, right=1 - _RIGHT / width, top=1 - 0.4 / height, bottom=0.5 / height
            )
            ax = figure.subplots()
            ax.axvline(1.0, color=plotting.INK, linewidth=1.0)
            for row, one in enumerate(reversed(found)):
                _draw_row(ax, row, one)
            ax.set_ylim(-0.6, len(found) - 0.4)
            ax.set_yticks(range(len(found)), [f"{one['size']}: {one['formula']}" for one in reversed(found)])
            ax.set_xlabel("measured over predicted")
            ax.grid(visible=False, axis="y")
            plotting.set_heading(figure, self.law, left=0.02)
        return figure


def _draw_row(ax: Axes, row: int, one: dict[str, Any]) -> None:
    ratio, low, high = (one[name] / one["predicted"] for name in ("measured", "low", "high"))
    colour = plotting.COLOURS[0 if one["inside"] else 1]
    ax.plot([low, high], [row, row], color=colour, linewidth=2.2, label="interval", solid_capstyle="butt")
    face = colour if one["inside"] else plotting.PAPER
    ax.plot([ratio], [row], "o", color=colour, markerfacecolor=face, markersize=5.5, label="measured")
    ax.text(
        1.02, row, number_texts(one)[1], transform=ax.get_yaxis_transform(), va="center", fontsize=8,
        color=plotting.MUTED,
    )  # fmt: skip
