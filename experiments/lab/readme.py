"""The README's generated blocks: findings and speed from what is published, components from the code's own tables."""

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial
from pathlib import Path

import pandas as pd

from experiments.benchmarks.running import published_table
from experiments.lab.ledger import load_ledger
from experiments.lab.published import PUBLISHED, published_comparisons, published_verdicts
from experiments.precision import precision_table
from jaxmlp import baselines, data, evidence, nn, probes, study, training
from jaxmlp.evidence import presentation
from jaxmlp.files import write_text
from jaxmlp.nn.losses import LOSS_TASKS
from jaxmlp.nn.spec import DROPOUTS, MAXOUTS, NORM_POSITIONS, NORM_STATS, NORMS, RESIDUALS
from jaxmlp.study.finished import KEEP_PARAMS
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE
from jaxmlp.training.spec import SELECTIONS, VALIDATIONS

README = Path(__file__).parents[2] / "README.md"


def findings() -> str:
    """A Markdown table of what was published and tested: the effect that decided, on which data and device."""
    lines = [
        "| claim | what the document says | verdict | effect and interval | n | data, device |",
        "|---|---|---|---|---|---|",
    ]
    for claim, verdict in sorted(published_verdicts().items()):
        if verdict["verdict"] == "not_tested":
            continue
        statement = " ".join(verdict["statement"].split())
        effect = f"{presentation.effect_text(verdict)} {presentation.interval_text(verdict)}".strip() or "–"
        if verdict["verdict"] == "mixed":
            effect += f" reproduced, by {verdict['factor']}"
        cells = (f"{verdict['doc']}: {statement}", f"**{presentation.LOOKS[verdict['verdict']].words}**", effect)
        where = f"{verdict['dataset']}, {verdict['device']}"
        lines.append(f"| {claim} | {' | '.join(cells)} | {verdict['n']} | {where} |")
    return "\n".join(lines)


def comparisons() -> str:
    """How many of the documents' numbers one of our runs could have shown, and which not, in Markdown."""
    judged = [one for one in published_comparisons() if one["agrees"] is not None]
    outside = [evidence.reported_texts(one) for one in judged if not one["agrees"]]
    entries = len({one["ledger_id"] for one in judged})
    lines = [
        f"Of {len(judged)} numbers of {entries} experiments, {len(judged) - len(outside)} lie inside. Those outside:",
        "",
        "| entry | arm | measure | document | our mean | one run of ours | n |",
        "|---|---|---|---|---|---|---|",
    ]
    names = ("ledger_id", "arm", "measure", "reported", "mean", "interval", "n")
    return "\n".join([*lines, *(f"| {' | '.join(str(one[name]) for name in names)} |" for one in outside)])


def grid_times() -> str:
    """What D2's whole grid takes here, beside the times that D2 prints for single runs."""
    ledger = load_ledger()
    printed = {
        row.id: [value.value for value in row.values if value.metric == "seconds"]
        for row in ledger.experiments.values()
        if row.document == "D2"
    }
    times = [seconds for values in printed.values() for seconds in values]
    rows = ", ".join(row for row, values in printed.items() if values)
    text = f"D2 prints {min(times):g} to {max(times):g} s for one run of 50 epochs ({rows})"
    manifest = PUBLISHED / "d2_grid" / MANIFEST_FILE
    if not manifest.is_file():
        return f"{text}; its grid is not published yet."
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    seconds, runs = facts["seconds"], len(pd.read_parquet(manifest.parent / ROWS_FILE)["run_id"].unique())
    settings = len(facts["arms"])
    return (
        f"{text}. Its whole grid, {settings} different settings with {runs // settings} seeds each, "
        f"takes {seconds / 60:.0f} minutes here ({facts['device']}): {seconds / runs:.1f} s a run, compiling and "
        f"testing after every epoch included. `{facts['command']}`"
    )


TABLES: dict[str, Iterable[str]] = {
    "activations": (*nn.ACTIVATIONS, *MAXOUTS),
    "initializers": nn.INITIALIZERS,
    "losses": nn.LOSSES,
    "penalties": nn.PENALTIES,
    "outputs of a net": nn.OUTPUTS,
    "class weights": training.CLASS_WEIGHTS,
    "tasks of a loss": LOSS_TASKS,
    "norms": NORMS,
    "norm positions": NORM_POSITIONS,
    "statistics of a batch norm": NORM_STATS,
    "residual nets": RESIDUALS,
    "dropout": DROPOUTS,
    "backward rules": nn.BACKWARDS,
    "precisions": nn.PRECISIONS,
    "optimizers": training.OPTIMIZERS,
    "schedules": training.SCHEDULES,
    "validation": VALIDATIONS,
    "selection of the tested model": SELECTIONS,
    "nets a study keeps": KEEP_PARAMS,
    "datasets": data.DATASETS,
    "splits": data.SPLITS,
    "tasks": data.TASKS,
    "ways to hold out a test part": data.HOLDOUTS,
    "what becomes of text columns": data.TEXTS,
    "preprocessings": data.PREPROCESSINGS,
    "distances of nearest neighbours": baselines.METRICS,
    "losses of linear classifiers": baselines.LINEAR_LOSSES,
    "finite differences": probes.DIFFERENCES,
    "probes": probes.PROBES,
}
"""Every table of the library whose names a person may give, by kind."""


def components() -> str:
    """A Markdown table of every component, by kind: the tables' entries, the specs' options, the rooms' functions."""
    kinds = TABLES | _options() | _functions()
    lines = ["| kind | names |", "|---|---|"]
    return "\n".join([*lines, *(f"| {kind} | {', '.join(f'`{n}`' for n in names)} |" for kind, names in kinds.items())])


def _options() -> dict[str, list[str]]:
    """The fields of every spec, and the numbers of `Hyper`."""
    rooms = (nn, training)
    specs = [getattr(room, name) for room in rooms for name in room.__all__ if name.endswith("Spec")]
    kinds = {f"options of `{spec.__name__}`": spec for spec in specs} | {"numbers of `Hyper`": training.Hyper}
    return {kind: [field.name for field in fields(kept)] for kind, kept in kinds.items()}


def _functions() -> dict[str, list[str]]:
    """The public functions of every room, and the classes that draw."""
    rooms = (nn, data, baselines, training, probes, study, evidence)
    found = {f"functions of `{room.__name__}`": [name for name in room.__all__ if name.islower()] for room in rooms}
    drawing = [name for name in evidence.__all__ if hasattr(getattr(evidence, name), "draw") and name != "FigureSpec"]
    return found | {"figures": drawing}


def precision_costs() -> str:
    """What bfloat16 costs in accuracy, in Markdown."""
    folder = PUBLISHED / "precision"
    if not study.Results.saved_in(folder):
        return "The study `precision` is not published yet."
    results = study.Results.load(folder)
    manifest = results.manifest
    where = f"{manifest['dataset']['name']}, {manifest['device']}"
    epochs = results.final()["epoch"].max()
    return f"{precision_table(results)}\n\nTest accuracy after {epochs} epochs, {where}; `{manifest['command']}`."


BLOCKS: dict[str, Callable[[], str]] = {
    "findings": findings,
    "comparisons": comparisons,
    "components": components,
    "grid": grid_times,
    "speed": partial(published_table, "speed"),
    "floor": partial(published_table, "floor"),
    "precision": precision_costs,
    "startup": partial(published_table, "startup"),
    "rows": partial(published_table, "rows"),
}


def with_blocks(text: str) -> str:
    """The README's text with its generated blocks made anew.

    Raises:
        ValueError: a block's two marks do not stand in the text, once each.
    """
    for name, make in BLOCKS.items():
        begin, end = f"<!-- {name}: made by `python -m experiments readme` -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"README.md needs {begin} and {end}, once each")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{make()}\n{end}{rest.split(end)[1]}"
    return text


def renew() -> Path:
    """Write the README with its blocks made anew."""
    text = with_blocks(README.read_text(encoding="utf-8"))
    write_text(README, text)
    return README
