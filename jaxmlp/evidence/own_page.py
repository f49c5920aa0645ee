"""The page of a study of one's own: no claims, but every run, the arms side by side, and how it was trained."""

import os
from pathlib import Path
from typing import Any

from jaxmlp.evidence.figures import CompareArms, EveryRun, TrainingCurves, captioned_svgs, save_figures
from jaxmlp.evidence.report import StudyReport, write_report
from jaxmlp.files import FIGURES_FOLDER, REPORT_FILE
from jaxmlp.study import Results
from jaxmlp.study.tables import score_column_in


def write_own_page(folder: str | os.PathLike[str]) -> Path:
    """Figures and report of a study of one's own, from its saved results alone; returns the page's path.

    Args:
        folder: the `out` of a study that has finished.

    Raises:
        InputError: the folder holds no finished study.

    >>> import tempfile
    >>> from rich.console import Console
    >>> from jaxmlp import data, study
    >>> from jaxmlp.nn import MLPSpec
    >>> from jaxmlp.training import DataSpec, RunSpec
    >>> arms = [study.Arm("relu", RunSpec(MLPSpec((4, 8, 3)), data=DataSpec(preprocessing="none"), epochs=2))]
    >>> with tempfile.TemporaryDirectory() as home:
    ...     quiet = study.LineDisplay("iris", Console(quiet=True))
    ...     _ = study.run(arms, data.load("iris"), seeds=2, out=f"{home}/iris", display=quiet)
    ...     write_own_page(f"{home}/iris").name
    'report.html'
    """
    home = Path(folder)
    results = Results.load(home)
    arms = tuple(map(str, results.rows["arm"].unique()))
    tested = score_column_in(results.rows, "test")
    figures: list[Any] = [EveryRun(tested, arms)]
    if len(arms) > 1:
        figures.append(CompareArms(arms, "val_loss"))
    elif tested == "test_accuracy":
        figures.append(TrainingCurves(next(iter(arms))))
    (home / FIGURES_FOLDER).mkdir(exist_ok=True)
    shown = captioned_svgs(figures, save_figures(figures, results.tables, home / FIGURES_FOLDER))
    question = "How does this net train?" if len(arms) == 1 else "Which arm trains better?"  # unless it was said
    page = StudyReport(
        manifest={"question": question} | results.manifest, verdicts=[], reported=[], rows=results.rows, figures=shown
    )
    return write_report(home / REPORT_FILE, studies=[page])
