"""Generated blocks of README.md and docs/: findings and speed from what is published, names from the code itself."""

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.benchmarks.running import published_table
from experiments.lab import front
from experiments.lab.api import api_tables
from experiments.lab.drawings import FIGURES, write_figure
from experiments.lab.ledger import load_ledger
from experiments.lab.published import published_comparisons, published_folder, published_verdicts
from experiments.lab.session import PREDICTED_FILE
from experiments.precision import PRECISION_PAIRS
from jaxmlp import baselines, data, evidence, nn, probes, study, training
from jaxmlp.evidence import presentation
from jaxmlp.files import write_text
from jaxmlp.intervals import mean_interval
from jaxmlp.nn.losses import LOSS_TASKS
from jaxmlp.nn.spec import DROPOUTS, MAXOUTS, NORM_POSITIONS, NORM_STATS, NORMS, RESIDUALS
from jaxmlp.study.finished import KEEP_PARAMS
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE
from jaxmlp.training.interventions import INTERVENTIONS, MOMENTS
from jaxmlp.training.spec import SELECTIONS, STOP_WATCHES, VALIDATIONS

ROOT = Path(__file__).parents[2]


def findings() -> str:
    """A Markdown table of what was published and tested: the effect that decided, on which data and device."""
    lines = [
        "| claim | what the document says | verdict | effect and interval | n | data, device |",
        "|---|---|---|---|---|---|",
    ]
    for claim, verdict in sorted(published_verdicts().items()):
        if verdict["verdict"] in ("not_tested", "pending"):
            continue
        statement = " ".join(verdict["statement"].split())
        effect = f"{presentation.effect_text(verdict)} {presentation.interval_text(verdict)}".strip() or "–"
        if verdict["verdict"] == "mixed":
            effect += f" reproduced, by {verdict['factor']}"
        words = f"**{presentation.verdict_words(verdict)}**" + (", fragile" if verdict["fragile"] else "")
        speaker = f"ours, on {verdict['doc']}" if verdict["ours"] else verdict["doc"]
        cells = (f"{speaker}: {statement}", words, effect)
        where = f"{verdict['dataset']}, {verdict['device']}"
        n = f"{verdict['n']} of {verdict['planned_n']}"
        lines.append(f"| {claim} | {' | '.join(cells)} | {n} | {where} |")
    return "\n".join([*lines, "", _waiting()])


def _waiting() -> str:
    """Which claims wait for fresh seeds, and which of those with a verdict were amended."""
    rows = published_verdicts()
    waiting = sorted(claim for claim, row in rows.items() if row["verdict"] == "pending")
    amended = sorted(claim for claim, row in rows.items() if row["verdict"] != "pending" and row["amended"])
    told = f"Amended after results had been seen: {', '.join(amended)}." if amended else "None of these was amended."
    return (
        f"Rules were declared before their results. {told} {len(waiting)} more were declared anew after results had "
        f"been seen and wait for fresh seeds, which alone will judge them: {', '.join(waiting)}. "
        "[`amendments.toml`](experiments/amendments.toml) says of each what changed and why."
    )


SOURCES = {"doc": "printed", "fig": "read off a figure", "code": "in its program", "run": "measured from its weights"}
"""Where a document's number comes from, by the ledger's tag."""


def comparisons() -> str:
    """How many of the documents' numbers one of our runs could have shown, by their source, and which not."""
    found = published_comparisons()
    judged = [one for one in found if one["agrees"] is not None]
    outside = [evidence.reported_texts(one) for one in judged if not one["agrees"]]
    entries = len({one["ledger_id"] for one in judged})
    lines = [
        f"Of {len(judged)} numbers of {entries} experiments, {len(judged) - len(outside)} lie inside. "
        f"{sum(one['wide'] for one in found)} more lie inside an interval wider than ±5 points, which says nothing, "
        "and are not counted.",
        "",
        "| source of the number | inside | numbers | our runs | half width, points |",
        "|---|---|---|---|---|",
        *(_agreement(name, [one for one in judged if one["tag"] == tag]) for tag, name in SOURCES.items()),
        "",
        "Those outside:",
        "",
        "| entry | arm | measure | document | our mean | one run of ours | n |",
        "|---|---|---|---|---|---|---|",
    ]
    names = ("ledger_id", "arm", "measure", "reported", "mean", "interval", "n")
    return "\n".join([*lines, *(f"| {' | '.join(str(one[name]) for name in names)} |" for one in outside)])


def _agreement(source: str, judged: list[dict[str, Any]]) -> str:
    """A row for the numbers of one source: how many lie inside, from how many runs, and in how narrow intervals."""
    if not judged:
        return f"| {source} | 0 | 0 | – | – |"
    runs = sorted(one["n"] for one in judged)
    widths = sorted(50 * (one["high"] - one["low"]) for one in judged if one["unit"] in ("accuracy", "pp"))
    width = f"{widths[len(widths) // 2]:.2f} (at most {widths[-1]:.1f})" if widths else "–"
    inside = sum(one["agrees"] for one in judged)
    return f"| {source} | {inside} | {len(judged)} | {runs[0]} to {runs[-1]} | {width} |"


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
    manifest = published_folder("d2_grid") / MANIFEST_FILE
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


DOCUMENTED_TABLES: dict[str, Iterable[str]] = {
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
    "interventions": [kind.__name__ for kind in INTERVENTIONS],
    "moments that are reset": MOMENTS,
    "validation": VALIDATIONS,
    "selection of the tested model": SELECTIONS,
    "what early stopping watches": STOP_WATCHES,
    "nets a study keeps": KEEP_PARAMS,
    "datasets": data.DATASETS,
    "splits": data.SPLITS,
    "tasks": data.TASKS,
    "ways to hold out a test part": data.HOLDOUTS,
    "what becomes of text columns": data.TEXTS,
    "preprocessings": data.PREPROCESSINGS,
    "distances of nearest neighbours": baselines.DISTANCES,
    "losses of linear classifiers": baselines.LINEAR_LOSSES,
    "finite differences": probes.DIFFERENCES,
    "probes": probes.PROBES,
}
"""Every table of the library whose names a person may give, by kind."""


def components() -> str:
    """A Markdown table of every component, by kind: the tables' entries, the specs' options, the rooms' functions."""
    kinds = DOCUMENTED_TABLES | _options() | _functions()
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


def precision_table(results: study.Results, pairs: Mapping[str, tuple[str, str]]) -> str:
    """In Markdown: test accuracy in both precisions, and what bfloat16 costs, seed by seed.

    Args:
        results: of the study.
        pairs: by a net's title, its arms in float32 and in bfloat16.
    """
    final = results.final().pivot(index="seed", columns="arm", values="test_accuracy")
    lines = ["| net | n | float32 | bfloat16 | bfloat16 loses, points [95 %] |", "|---|---|---|---|---|"]
    for title, arms in pairs.items():
        full, half = (final[arm].to_numpy() for arm in arms)
        lost = mean_interval(100 * (full - half))
        interval = f"{lost.estimate:.2f} [{lost.low:.2f}, {lost.high:.2f}]"
        lines.append(f"| {title} | {len(full)} | {full.mean():.2%} | {half.mean():.2%} | {interval} |")
    return "\n".join(lines)


def precision_costs() -> str:
    """What bfloat16 costs in accuracy, in Markdown."""
    folder = published_folder("precision")
    if not study.Results.saved_in(folder):
        return "The study `precision` is not published yet."
    results = study.Results.load(folder)
    manifest = results.manifest
    where = f"{manifest['dataset']['name']}, {manifest['device']}"
    epochs = results.final()["epoch"].max()
    table = precision_table(results, PRECISION_PAIRS)
    return f"{table}\n\nTest accuracy after {epochs} epochs, {where}; `{manifest['command']}`."


def laws_seen() -> str:
    """The laws' numbers beside ours, in Markdown."""
    folder = published_folder("laws")
    if not (folder / PREDICTED_FILE).is_file():
        return "The study `laws` is not published yet."
    found = json.loads((folder / PREDICTED_FILE).read_text(encoding="utf-8"))
    manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    return f"{evidence.predicted_table(found)}\n\n{manifest['device']}; `{manifest['command']}`."


BLOCKS: dict[str, Callable[[], str]] = {
    "starts": front.starts_figure,
    "starts_zh": partial(front.starts_figure, "zh"),
    "tally": front.tally,
    "tally_zh": partial(front.tally, "zh"),
    "surprises": front.surprises,
    "surprises_zh": partial(front.surprises, "zh"),
    "documents": front.documents,
    "speed_row": front.speed_row,
    "speed_row_zh": partial(front.speed_row, "zh"),
    "findings": findings,
    "comparisons": comparisons,
    "components": components,
    "api": api_tables,
    "laws": front.theory,
    "laws_seen": laws_seen,
    "grid": grid_times,
    "speed": partial(published_table, "speed"),
    "floor": partial(published_table, "floor"),
    "precision": precision_costs,
    "startup": partial(published_table, "startup"),
    "rows": partial(published_table, "rows"),
    "faults": partial(published_table, "faults"),
    "probes": partial(published_table, "probes"),
}
"""What makes each block, by its name. A link in a block starts at the root of the project."""
MARKED = re.compile(r"(<!-- (\w+): made by `python -m experiments docs` -->\n)(.*?)(<!-- end of \2 -->)", re.DOTALL)


def pages() -> list[Path]:
    """README.md, README.zh.md and all pages of docs/."""
    return [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def with_blocks(text: str, folder: Path = ROOT) -> str:
    """A page's text with its generated blocks made anew.

    Args:
        text: of a page in `folder`.
        folder: what the page's links start from.

    Raises:
        ValueError: a mark without its other end, or of a block that nothing makes.
    """

    def renewed(found: re.Match[str]) -> str:
        begin, name, _, end = found.groups()
        if name not in BLOCKS:
            raise ValueError(f"no function makes the block {name!r}")
        return f"{begin}{_linked(BLOCKS[name](), folder)}\n{end}"

    marks = text.count("made by `python -m experiments docs` -->"), text.count("<!-- end of ")
    if marks != (len(MARKED.findall(text)),) * 2:
        raise ValueError(
            "a generated block needs both of its marks, <!-- NAME: made by ... --> and <!-- end of NAME -->"
        )
    return MARKED.sub(renewed, text)


def _linked(text: str, folder: Path) -> str:
    """Links that start at the root of the project, as a page in a folder needs them."""
    here = folder.relative_to(ROOT).as_posix()
    return re.sub(r"\]\((?![a-z]+:|#)([^)]+)\)", lambda link: f"]({posixpath.relpath(link[1], here)})", text)


def renew() -> list[Path]:
    """Write every page that has generated blocks, and the figures of docs/ that are made from what is published."""
    written = [write_figure(name) for name in FIGURES]
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if MARKED.search(text):
            write_text(page, with_blocks(text, page.parent))
            written.append(page)
    return written
