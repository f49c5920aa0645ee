"""Training that turns around: loss and accuracy of several arms together, each run's best epoch, and how it ends."""

from dataclasses import dataclass

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmlp.evidence import plotting
from jaxmlp.evidence.curves import CROSSES, draw_panel, series_of
from jaxmlp.evidence.measures import Value, best, best_epoch, change, fall
from jaxmlp.evidence.plotting import title_of
from jaxmlp.evidence.readings import read
from jaxmlp.evidence.runs import Tables, by_arm, count_text, drawn_rows, rows_of
from jaxmlp.evidence.wording import joined
from jaxmlp.training.state import EPOCHS

_READING = "Thin lines: single runs. Thick lines: their means, with 95 % intervals. Dots: each run's best epoch."


@dataclass(frozen=True)
class PeakCurves:
    """Left the training loss, right an accuracy with the best epoch of every run; below, how many runs degrade.

    If both curves turn, training itself fails. If the accuracy turns alone, only the model as it is evaluated fails.

    >>> PeakCurves(("bn_41", "residual_41"), degraded=0.1).name
    'peaks_val_accuracy'
    """

    arms: tuple[str, ...]
    degraded: float
    """A run that ends by more than this below its best has degraded."""
    column: str = "val_accuracy"
    part: str = ""
    """Sets a figure's name apart from others of this column."""
    note: str = ""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return "_".join(filter(None, ("peaks", self.column, self.part)))

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        return joined(f"Training loss and {title_of(self.column)} of the same runs.", self.note, _READING, CROSSES)

    @property
    def tables(self) -> tuple[str, ...]:
        """The one table it is drawn from."""
        return (EPOCHS.name,)

    def draw(self, tables: Tables) -> Figure:
        """The two panels and a line of text per arm that is there; raises InputError where there is none."""
        rows = rows_of(drawn_rows(tables, *self.tables), self.arms, self.name)
        texts = [self._in_words(rows, arm) for _, arm, _ in by_arm(rows, self.arms)]
        below = 0.62 + 0.19 * len(texts)  # inches
        height = 3.1 + below
        with mpl.rc_context(plotting.STYLE):
            figure = Figure(figsize=(8.6, height))
            figure.subplots_adjust(left=0.06, right=0.8, top=1 - 0.5 / height, bottom=below / height, wspace=1.0)
            for ax, column in zip(figure.subplots(1, 2), ("train_loss", self.column), strict=True):
                self._draw(ax, rows, column)
            _mark_peaks(figure.axes[1], rows, self.arms, self.column)
            plotting.set_heading(figure, count_text(rows), left=0.06)
            for i, text in enumerate(texts):
                figure.text(0.06, (below - 0.56 - 0.19 * i) / height, text, fontsize=9, va="top")
        return figure

    def _draw(self, ax: Axes, rows: pd.DataFrame, column: str) -> None:
        draw_panel(ax, column, series_of(rows, self.arms, column))
        ax.set_title(plotting.panel_title(ax, column))

    def _in_words(self, rows: pd.DataFrame, arm: str) -> str:
        """Such as "bn: 9 of 10 runs end over 5 points below their best, 8 below their epoch 1; best epochs 3, ..."."""
        wanted = (fall(self.column), change(self.column, since=1), best_epoch(self.column))
        falls, changes, peaks = read([Value(arm, measure) for measure in wanted], rows)
        degraded, below = int((falls > self.degraded).sum()), int((changes < 0).sum())
        return (
            f"{arm}: {degraded} of {len(falls)} runs end over {100 * self.degraded:g} points below their best, "
            f"{below} below their epoch 1; best epochs {', '.join(f'{epoch:g}' for epoch in sorted(peaks))}"
        )


def _mark_peaks(ax: Axes, rows: pd.DataFrame, arms: tuple[str, ...], column: str) -> None:
    trained = rows.loc[rows["epoch"] >= 1]
    for i, arm, _ in by_arm(rows, arms):
        epochs, values = read([Value(arm, best_epoch(column)), Value(arm, best(column))], trained)
        ax.plot(
            epochs, values, "o", color=plotting.colour_of(i), markersize=5, markeredgecolor=plotting.PAPER,
            markeredgewidth=0.6, label="peak", clip_on=False,
        )  # fmt: skip
