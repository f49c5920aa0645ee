"""From an experiment to its files: train what is missing, judge, draw, report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.base import Experiment, Preset, choose_arms
from experiments.ledger import load_ledger
from experiments.own import OWN
from experiments.registry import EXPERIMENTS
from jaxmlp import study
from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.evidence import (
    StudyReport,
    captioned_svgs,
    compare_reported,
    judge,
    save_figures,
    write_report,
)
from jaxmlp.files import write_json
from jaxmlp.study import processes

VERDICTS_FILE, FIGURES_FOLDER, REPORT_FILE = "verdicts.json", "figures", "report.html"


def run_experiment(
    experiment: Experiment,
    dataset: Dataset,
    *,
    preset_name: str,
    preset: Preset,
    out: Path,
    console: Console,
    command: str,
    arms: Sequence[str] | None = None,
    precision: str = "float32",
    **options: Any,
) -> StudyReport | None:
    """Train what `out/NAME` does not hold yet, then write verdicts, figures and report beside it.

    `options` go to `study.run` as they are. Of several processes the first one writes, the others return None.

    Raises:
        InputError: a wrong setting, an unknown arm, or an `out` that cannot be used; nothing is written then.
    """
    chosen = [
        replace(arm, spec=replace(arm.spec, precision=precision))
        for arm in choose_arms(experiment.arms(dataset, preset), arms)
    ]
    about = {
        "question": experiment.question,
        "command": command,
        "preset": preset_name,
        "epochs": preset.epochs,
        "precision": precision,
    }
    folder = out / experiment.name
    display = study.make_display(experiment.name, console if processes.is_first() else Console(quiet=True))
    study.run(
        chosen,
        dataset,
        seeds=preset.seeds,
        name=experiment.name,
        out=folder,
        display=display,
        about=about,
        **options,
    )
    return write_pages(experiment, folder) if processes.is_first() else None


def write_pages(experiment: Experiment, folder: Path) -> StudyReport:
    """Verdicts, figures and report of a finished study, from its saved results alone.

    Raises:
        InputError: the folder holds no finished study.
    """
    results = study.Results.load(folder)
    manifest = results.manifest
    claims = load_ledger().claims
    verdicts = judge(
        experiment.claims,
        results.rows,
        ledger={claim.id: (claim.document, claim.statement) for claim in claims.values()},
        dataset=manifest["dataset"]["name"],
        device=manifest["device"],
        preset=manifest["preset"],
    )
    write_json(folder / VERDICTS_FILE, verdicts)
    figures = folder / FIGURES_FOLDER
    figures.mkdir(exist_ok=True)
    save_figures(experiment.figures, results.rows, figures, results.steps)
    report = StudyReport(
        manifest=manifest,
        verdicts=verdicts,
        reported=compare_reported(experiment.reported, results.rows),
        rows=results.rows,
        figures=captioned_svgs(experiment.figures, figures),
    )
    write_report(folder / REPORT_FILE, studies=[report])
    return report


def find_studies(out: Path) -> list[tuple[Experiment, Path]]:
    """The experiments whose results lie in `out`, or the one whose results `out` is.

    Raises:
        InputError: there is none.
    """
    known = EXPERIMENTS | {OWN.name: OWN}
    folders = [out, *sorted(path for path in out.glob("*") if path.is_dir())] if out.is_dir() else []
    found = [
        (known[folder.name], folder) for folder in folders if folder.name in known and study.Results.saved_in(folder)
    ]
    if not found:
        raise InputError(f"{out} holds no finished study: give the --out of a run, or one study's folder inside it")
    return found
