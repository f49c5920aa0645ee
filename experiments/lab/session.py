"""From an experiment to its files: train what is missing, judge, draw, report."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from experiments.lab.amendments import amended_texts
from experiments.lab.base import Experiment, Preset, choose_arms
from experiments.lab.claim_list import VERDICTS_FILE, no_study
from experiments.lab.demo import draw_demo, shown_demo
from experiments.lab.ledger import load_ledger
from experiments.lab.measured import Finished, load_results, measure_study
from experiments.lab.own import OWN
from experiments.lab.registry import EXPERIMENTS
from jaxmlp import study
from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.evidence import (
    StudyReport,
    captioned_svgs,
    compare_predicted,
    compare_reported,
    judge,
    rule_hash,
    save_figures,
    with_averaged,
    with_tuned,
    write_report,
)
from jaxmlp.files import FIGURES_FOLDER, REPORT_FILE, write_json
from jaxmlp.study import Results, processes
from jaxmlp.training.state import EPOCHS

BESIDE_FILE = "beside.json"
"""The documents' numbers beside ours."""
PREDICTED_FILE = "predicted.json"
"""The laws' numbers beside ours, of an experiment that has any."""


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
    precision: str | None = None,
    **options: Any,
) -> StudyReport | None:
    """Train what `out/NAME` and the finished studies beside it do not hold yet, then write verdicts, figures, report.

    A `precision` is that of every arm, instead of the arms' own. `options` go to `study.run` as they are. Of several
    processes the first one writes, the others return None.

    Raises:
        InputError: a wrong setting, an unknown arm, or an `out` that cannot be used; nothing is written then.
    """
    chosen = choose_arms(experiment.arms(dataset, preset), arms)
    if precision is not None:
        chosen = [replace(arm, spec=replace(arm.spec, precision=precision)) for arm in chosen]
    about = {
        "question": experiment.question,
        "command": command,
        "preset": preset_name,
        "epochs": preset.epochs,
        "precision": " and ".join(dict.fromkeys(arm.spec.precision for arm in chosen)),
        "commit": _commit(),
        "rules": rules_of(experiment),
    }
    folder = out / experiment.name
    measurement = experiment.measured
    needs_nets = experiment.demo_arm is not None or (measurement is not None and measurement.needs_nets)
    if needs_nets:
        if options.get("keep_params") == "last":
            raise InputError(f"{experiment.name} keeps the nets that it tests: leave keep_params out, or give best")
        options["keep_params"] = "best"
    display = study.make_display(experiment.name, console if processes.is_first() else Console(quiet=True))
    results = study.run(
        chosen,
        dataset,
        seeds=preset.runs_of(chosen),
        name=experiment.name,
        out=folder,
        display=display,
        about=about,
        beside=sorted(path for path in out.glob("*") if path != folder),
        probes=experiment.probes,
        **options,
    )
    if not processes.is_first():
        return None
    if measurement is not None:
        finished = Finished(chosen, preset.seeds_of(chosen), results, dataset, preset.first_seed)
        measure_study(measurement, finished, folder)
    if experiment.demo_arm in {arm.name for arm in chosen}:
        draw_demo(results, experiment.demo_arm, dataset, folder / FIGURES_FOLDER)
    return write_pages(experiment, folder)


def rules_of(experiment: Experiment) -> dict[str, str]:
    """The hash of every rule, by the claim that it decides or the name of the law's number."""
    named = {claim.id: claim for claim in experiment.claims} | {one.name: one for one in experiment.predicted}
    return {name: rule_hash(rule) for name, rule in named.items()}


def _commit() -> str | None:
    """The commit of the code that runs, "with changes" where it is not that alone; None outside a repository."""
    git = ["git", "-C", str(Path(__file__).parents[2])]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode:
        return None
    changes = subprocess.run([*git, "status", "--porcelain", "*.py"], capture_output=True, text=True, check=False)
    return head.stdout.strip() + (" with changes" if changes.stdout else "")


def judged_tables(experiment: Experiment, folder: Path) -> dict[str, pd.DataFrame]:
    """All that claims and figures read of a finished study: its runs, tuned and averaged arms, what was measured.

    Raises:
        InputError: the folder holds no finished study.
    """
    return _with_all_arms(load_results(folder), experiment)


def judge_study(experiment: Experiment, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write and return verdicts, and the documents' numbers beside ours, of a finished study.

    Raises:
        InputError: the folder holds no finished study.
    """
    results = load_results(folder)
    shown = _with_all_arms(results, experiment)
    _beside_laws(experiment, folder, shown)
    return _judge(experiment, folder, results.manifest, shown)


def _with_all_arms(results: Results, experiment: Experiment) -> dict[str, pd.DataFrame]:
    return {**results.tables, EPOCHS.name: _with_further_arms(results.rows, experiment)}


def _judge(
    experiment: Experiment, folder: Path, manifest: Mapping[str, Any], shown: dict[str, pd.DataFrame]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    claims = load_ledger().claims
    verdicts = judge(
        experiment.claims,
        shown,
        ledger={claim.id: (claim.document, claim.statement) for claim in claims.values()},
        dataset=manifest["dataset"]["name"],
        device=manifest["device"],
        preset=manifest["preset"],
        amended=amended_texts(),
    )
    beside = compare_reported(experiment.reported, shown)
    write_json(folder / VERDICTS_FILE, verdicts)
    write_json(folder / BESIDE_FILE, beside)
    return verdicts, beside


def write_pages(experiment: Experiment, folder: Path) -> StudyReport:
    """Verdicts, figures and report of a finished study, from its saved results alone.

    Raises:
        InputError: the folder holds no finished study.
    """
    results = load_results(folder)
    manifest, shown = results.manifest, _with_all_arms(results, experiment)
    verdicts, beside = _judge(experiment, folder, manifest, shown)
    rows = shown[EPOCHS.name]
    predicted = _beside_laws(experiment, folder, shown)
    figures = folder / FIGURES_FOLDER
    figures.mkdir(exist_ok=True)
    saved = save_figures(experiment.figures, shown, figures)
    report = StudyReport(
        manifest=manifest,
        verdicts=verdicts,
        reported=beside,
        rows=rows,
        figures=[*captioned_svgs(experiment.figures, saved), *shown_demo(figures)],
        predicted=predicted,
    )
    write_report(folder / REPORT_FILE, studies=[report])
    return report


def _beside_laws(experiment: Experiment, folder: Path, shown: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    found = compare_predicted(experiment.predicted, shown)
    if found:
        write_json(folder / PREDICTED_FILE, found)
    return found


def changed_rules(experiment: Experiment, folder: Path) -> list[str]:
    """Rules that are not those which the study in `folder` was begun with; none where it does not say."""
    then = study.Results.load(folder).manifest.get("rules", {})
    return [name for name, now in rules_of(experiment).items() if then.get(name, now) != now]


def _with_further_arms(rows: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """Averages, then tuned arms, which may choose among averages, then averages of tuned arms."""
    rows = with_tuned(with_averaged(rows, experiment.averaged), experiment.tuned)
    return with_averaged(rows, experiment.averaged)


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
        raise no_study(out)
    return found
