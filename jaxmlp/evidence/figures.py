"""The figures an experiment lists: each says what to draw, `draw(tables)` draws it, `save_figures` saves it.

`tables` are those of results; one alone is "epochs", one row per run and epoch. Every figure over epochs shows every
run, n, the mean with its 95 % interval, diverged runs as crosses and the document's own numbers as diamonds; of logged
steps there is `StepCurves`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxmlp.errors import InputError
from jaxmlp.evidence import plotting
from jaxmlp.evidence.claims import Reported
from jaxmlp.evidence.curves import CROSSES, Mark, Series, draw_panel, series_of
from jaxmlp.evidence.plotting import EndLabel, format_value, title_of
from jaxmlp.evidence.runs import Tables, arms_in, by_arm, count_text, drawn_rows, final_values, rows_of
from jaxmlp.evidence.strips import draw_strips, strip_of
from jaxmlp.evidence.wording import joined
from jaxmlp.files import write_whole
from jaxmlp.schema import table_named
from jaxmlp.training.state import EPOCHS

_READING = "Thin lines: single runs. Thick line and band: their mean and its 95 % interval."
TRAIN, VAL, TEST = plotting.COLOURS[:3]
COLUMN_COLOURS = {"train_loss": TRAIN, "train_accuracy": TRAIN, "val_accuracy": VAL, "test_accuracy": TEST}
DIAMONDS = "Diamonds: the number the document reports for its one run."


class FigureSpec(Protocol):
    """What an experiment lists: a file name, a caption, the arms it shows, and how to draw it.

    >>> figures: list[FigureSpec] = [TrainingCurves("he"), EveryRun("test_accuracy", ("he", "randn"))]
    >>> [figure.name for figure in figures], [figure.arms for figure in figures]
    (['training_he', 'runs_test_accuracy'], [('he',), ('he', 'randn')])
    """

    @property
    def name(self) -> str:
        """File name without its ending; unique within an experiment."""
        ...

    @property
    def caption(self) -> str:
        """What is shown and how to read it."""
        ...

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms it shows, those of them that are in the results."""
        ...

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables it is drawn from."""
        ...

    def draw(self, tables: Tables) -> Figure:
        """The figure of these results."""
        ...


@dataclass(frozen=True)
class TrainingCurves:
    """One arm in D0's figure format (S-092): left the training loss, right the accuracies.

    The dashed line is the mean test accuracy of the models that were tested. `document` names whose
    numbers `reported` holds: "D0" labels them "D0 test 97.74 %".

    >>> figure = TrainingCurves("he", note="He's start.")
    >>> figure.name, figure.caption.partition(" Thin")[0]
    ('training_he', "Training curves of he. He's start.")
    """

    arm: str
    note: str = ""
    reported: tuple[Reported, ...] = ()
    document: str = "document"

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"training_{self.arm}"

    @property
    def arms(self) -> tuple[str, ...]:
        """The one arm it shows."""
        return (self.arm,)

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        dashed = "Dashed: mean test accuracy."
        diamonds = DIAMONDS if any(one.arm == self.arm for one in self.reported) else ""
        return joined(f"Training curves of {self.arm}.", self.note, _READING, dashed, CROSSES, diamonds)

    @property
    def tables(self) -> tuple[str, ...]:
        """The one table it is drawn from."""
        return (EPOCHS.name,)

    def draw(self, tables: Tables) -> Figure:
        """The two panels; raises InputError where there is no run of the arm."""
        rows = rows_of(drawn_rows(tables, *self.tables), self.arms, self.name)
        with mpl.rc_context(plotting.STYLE):
            figure = Figure(figsize=(7.6, 3.4))
            figure.subplots_adjust(left=0.07, right=0.83, top=0.81, bottom=0.14, wspace=0.8)
            loss, accuracy = figure.subplots(1, 2)
            self._draw_loss(loss, rows)
            self._draw_accuracies(accuracy, rows)
            plotting.set_heading(figure, f"{self.arm} · {count_text(rows)}", left=0.07)
        return figure

    def _draw_loss(self, ax: Axes, rows: pd.DataFrame) -> None:
        series = [Series("mean", rows, "train_loss", COLUMN_COLOURS["train_loss"])]
        draw_panel(ax, "train_loss", series, self._marks(("train_loss",)))
        ax.set_title(plotting.panel_title(ax, "train_loss"))

    def _draw_accuracies(self, ax: Axes, rows: pd.DataFrame) -> None:
        series = [
            Series(_part_of(column), rows, column, COLUMN_COLOURS[column])
            for column in ("train_accuracy", "val_accuracy")
        ]
        tested = final_values(rows, "test_accuracy").mean()  # NaN where nothing was tested
        colour = COLUMN_COLOURS["test_accuracy"]
        text = f"test {format_value('test_accuracy', tested)}"
        level = EndLabel(0, tested, text, colour) if np.isfinite(tested) else None
        draw_panel(ax, "val_accuracy", series, self._marks(("train_accuracy", "val_accuracy", "test_accuracy")), level)
        ax.set_title("accuracy")

    def _marks(self, columns: tuple[str, ...]) -> list[Mark]:
        """The document's numbers for these columns; of several epochs only the last is labelled."""
        points = [one for one in self.reported if one.measure.when in ("at", "final")]
        ours = [one for one in points if one.arm == self.arm and one.measure.column in columns]
        latest = {one.measure.column: one for one in sorted(ours, key=_epoch_or_end)}
        return [
            Mark(
                epoch=one.measure.epoch,
                value=one.value,
                text=self._text(one) if one is latest[one.measure.column] else "",
                colour=COLUMN_COLOURS[one.measure.column],
            )
            for one in ours
        ]

    def _text(self, one: Reported) -> str:
        column = one.measure.column
        return f"{self.document} {_part_of(column)} {format_value(column, one.value)}"


@dataclass(frozen=True)
class CompareArms:
    """One metric over epochs for several arms, each with its runs and its band over seeds.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({arm: {"val_accuracy": [[0.1, 0.8, 0.9]] * 2} for arm in ("he", "randn")})
    >>> figure = CompareArms(("he", "randn"), "val_accuracy")
    >>> figure.name, len(figure.draw(rows).axes)
    ('compare_val_accuracy', 1)
    """

    arms: tuple[str, ...]
    column: str
    note: str = ""
    part: str = ""
    """Sets a figure's name apart from others of this column, such as "hinge"."""
    table: str = EPOCHS.name
    """The name of the table that has the column."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The one table it is drawn from."""
        return (self.table,)

    @property
    def over(self) -> str:
        """What it runs along, such as "epoch"."""
        return table_named(self.table).along or "epoch"

    @property
    def name(self) -> str:
        """File name without its ending."""
        return "_".join(filter(None, ("compare", self.column, self.part)))

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        return joined(f"{title_of(self.column).capitalize()} over {self.over}s.", self.note, _READING, CROSSES)

    def draw(self, tables: Tables) -> Figure:
        """One line per arm that is there; raises InputError where there is none."""
        rows = rows_of(drawn_rows(tables, *self.tables), self.arms, self.name)
        series = series_of(rows, self.arms, self.column)
        with mpl.rc_context(plotting.STYLE):
            figure, ax = plotting.labelled_panel([one.label for one in series])
            draw_panel(ax, self.column, series)
            ax.set_xlabel(self.over)
            plotting.set_heading(figure, f"{plotting.panel_title(ax, self.column)} · {count_text(rows)}", left=0.03)
        return figure


@dataclass(frozen=True)
class EveryRun:
    """The last value of `column` in every run, one strip of dots per arm, with mean and interval.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.97, 0.98]}, "randn": {"test_accuracy": [0.1, 0.8]}})
    >>> figure = EveryRun("test_accuracy", ("he", "randn"))
    >>> figure.name, len(figure.draw(rows).axes)
    ('runs_test_accuracy', 1)
    """

    column: str
    arms: tuple[str, ...]
    note: str = ""
    reported: tuple[Reported, ...] = ()
    document: str = "document"
    tables: tuple[str, ...] = (EPOCHS.name,)
    """The names of the tables that have the arms and the column."""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"runs_{self.column}"

    @property
    def caption(self) -> str:
        """What is shown, the experiment's own note, and how to read it."""
        dots = "One dot is one run; the bar below is the 95 % interval of their mean, the tick the mean."
        crosses = "Crosses (×): runs that diverged."
        diamonds = DIAMONDS if any(self._texts(arm) for arm in self.arms) else ""
        return joined(f"{title_of(self.column).capitalize()} of every run.", self.note, dots, crosses, diamonds)

    def draw(self, tables: Tables) -> Figure:
        """One strip per arm that is there; raises InputError where there is none."""
        rows = rows_of(drawn_rows(tables, *self.tables), self.arms, self.name)
        strips = [
            strip_of(own, self.column, plotting.colour_of(i), self._texts(arm))
            for i, arm, own in by_arm(rows, self.arms)
        ]
        height = 1.0 + 0.78 * len(strips)
        with mpl.rc_context(plotting.STYLE):
            figure = Figure(figsize=(5.2, height))
            figure.subplots_adjust(left=0.03, right=0.96, top=1 - 0.38 / height, bottom=0.52 / height)
            draw_strips(figure.subplots(), self.column, strips)
            plotting.set_heading(figure, f"{title_of(self.column)} · {count_text(rows)}", left=0.03)
        return figure

    def _texts(self, arm: str) -> list[tuple[float, str]]:
        return [
            (one.value, f"{self.document}: {format_value(self.column, one.value)}")
            for one in self.reported
            if one.arm == arm and one.measure.column == self.column and one.measure.when == "final"
        ]


def save_figures(figures: Sequence[FigureSpec], tables: Tables, folder: Path) -> list[Path]:
    """Draw `figures` and save each as SVG and PNG in `folder`; returns the paths.

    A figure none of whose arms was run is left out. All are drawn before the first is written, and each file
    is written whole or not at all: an error while drawing leaves the folder as it was.

    Raises:
        InputError: two figures of one name.

    >>> import tempfile
    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.97, 0.98]}})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in save_figures([EveryRun("test_accuracy", ("he",))], rows, Path(folder))]
    ['runs_test_accuracy.svg', 'runs_test_accuracy.png']
    """
    names = [spec.name for spec in figures]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"two figures are named {', '.join(repeated)}: give each figure its own name")
    contents: dict[Path, bytes] = {}
    for spec in figures:
        if set(spec.arms) & arms_in(tables, *spec.tables):
            figure = spec.draw(tables)
            contents[folder / f"{spec.name}.svg"] = plotting.svg_bytes(figure, spec.name)
            contents[folder / f"{spec.name}.png"] = plotting.png_bytes(figure)
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        write_whole(path, lambda temporary, content=content: temporary.write_bytes(content))
    return list(contents)


def captioned_svgs(figures: Sequence[FigureSpec], saved: Sequence[Path]) -> list[tuple[str, str]]:
    """Read (caption, SVG text) of the figures that `save_figures` has `saved`, for the report.

    Other files in the folder are not read: somebody else drew them, and their text would become part of a page.

    >>> import tempfile
    >>> from jaxmlp.evidence import synthetic_rows
    >>> figures, rows = [EveryRun("test_accuracy", ("he",))], synthetic_rows({"he": {"test_accuracy": [0.97, 0.98]}})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ((caption, svg),) = captioned_svgs(figures, save_figures(figures, rows, Path(folder)))
    >>> caption.partition(".")[0], "</svg>" in svg
    ('Test accuracy of every run', True)
    """
    files = {path.stem: path for path in saved if path.suffix == ".svg"}
    return [(spec.caption, files[spec.name].read_text(encoding="utf-8")) for spec in figures if spec.name in files]


def _part_of(column: str) -> str:
    """The short name beside a line: "train", "val", "test"; "loss" for the training loss."""
    return "loss" if column == "train_loss" else column.removesuffix("_accuracy")


def _epoch_or_end(one: Reported) -> float:
    return float("inf") if one.measure.epoch is None else one.measure.epoch
