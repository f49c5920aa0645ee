"""The report: one HTML file with verdicts, figures and how they came to be.

The file needs nothing else: its style and its SVG figures are inside, it runs no program and loads nothing, so it
works offline, in an archive, and on a phone. The same results give the same bytes.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jaxmlp.errors import InputError
from jaxmlp.evidence import plotting, presentation
from jaxmlp.evidence.predicted import inside_text, number_texts
from jaxmlp.evidence.runs import diverged_runs, final_values
from jaxmlp.evidence.statistics import mean_interval
from jaxmlp.files import write_text
from jaxmlp.study.tables import score_column_in

# A figure's fixed colours become those of the page, which follow the reader's light or dark setting.
PAGE_COLOURS = {
    plotting.INK: "var(--ink)",
    plotting.MUTED: "var(--muted)",
    plotting.GRID: "var(--line)",
    plotting.PAPER: "var(--paper)",
    plotting.COLOURS[0].lower(): "var(--blue)",  # too dark on a dark page
}
# CSS pixels per point of a figure: below the first its text is too small (it scrolls), the second is its full size.
_SMALLEST, LARGEST = 0.95, 1.39


@dataclass(frozen=True)
class StudyReport:
    """One study as the report shows it.

    Attributes:
        manifest: how the study was run; the report needs `experiment` and `question` and shows what else it knows.
        verdicts: the list in `verdicts.json`.
        reported: the document's numbers beside ours, from `compare_reported`.
        rows: the tidy results, one row per run and epoch.
        figures: (caption, SVG): a text was drawn just now, from `captioned_svgs`, and becomes part of the page; bytes
            are those of a file that may be anybody's, and are shown as an image, in which no program runs.
        predicted: the laws' numbers beside ours, from `compare_predicted`.

    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.97, 0.98]}})
    >>> StudyReport({"experiment": "starts", "question": "Does it train?"}, [], [], rows, []).manifest["question"]
    'Does it train?'
    """

    manifest: Mapping[str, Any]
    verdicts: Sequence[Mapping[str, Any]]
    reported: Sequence[Mapping[str, Any]]
    rows: pd.DataFrame
    figures: Sequence[tuple[str, str | bytes]]
    predicted: Sequence[Mapping[str, Any]] = ()


def write_report(path: Path, studies: Sequence[StudyReport]) -> Path:
    """Write one page with `studies`, each a section, to `path`, whole or not at all; returns `path`.

    Raises:
        InputError: no study.

    >>> import tempfile
    >>> from jaxmlp.evidence import synthetic_rows
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.97, 0.98]}})
    >>> study = StudyReport({"experiment": "starts", "question": "Does it train?"}, [], [], rows, [])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "Does it train?" in write_report(Path(folder, "report.html"), [study]).read_text("utf-8")
    True
    """
    html = render_report(studies)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html)
    return path


def render_report(studies: Sequence[StudyReport]) -> str:
    """The page as text; its title is the question of a single study, or how many were run."""
    if not studies:
        raise InputError("a report of no study: give at least one")
    title = studies[0].manifest["question"] if len(studies) == 1 else _title(studies)
    views = [_view(study, f"s{i}") for i, study in enumerate(studies, 1)]
    return page_templates().get_template("report.html").render(title=title, studies=views, show=presentation)


def page_templates(room: str = "evidence") -> Environment:
    """The pages' templates: those of a room of `jaxmlp`, and the ones beside this file."""
    return Environment(
        loader=ChoiceLoader([PackageLoader("jaxmlp", folder) for folder in dict.fromkeys((room, "evidence"))]),
        autoescape=True,  # statements, arm names and paths are text, never markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _title(studies: Sequence[StudyReport]) -> str:
    claims = sum(len(study.verdicts) for study in studies)
    return f"{len(studies)} studies, {claims} claims"


def _view(study: StudyReport, key: str) -> dict[str, Any]:
    """What the template shows of one study; `key` makes its ids unique in the page."""
    column = score_column_in(study.rows, "test")
    return {
        "key": key,
        "question": study.manifest["question"],
        "verdicts": study.verdicts,
        "preview": any(verdict["preview"] for verdict in study.verdicts),
        "figures": [
            {"key": f"{key}-f{i}", "caption": caption, "svg": shown_svg(svg, f"{key}-f{i}")}
            for i, (caption, svg) in enumerate(study.figures, 1)
        ],
        "reported": [reported_texts(one) for one in study.reported],
        "predicted": [predicted_texts(one) for one in study.predicted],
        "score": plotting.title_of(column),
        "score_text": partial(score_text, column),
        "arms": arm_table(study.rows, study.manifest),
        "facts": facts_of(study.manifest, study.rows),
    }


def shown_svg(svg: str | bytes, key: str) -> Markup:
    """A figure in the page: a text inline, the bytes of a file as an image."""
    if isinstance(svg, str):
        return inline_svg(svg, key)
    size = re.search(rb'viewBox="[0-9.]+ [0-9.]+ ([0-9.]{1,8}) ', svg[:4096])
    width = "" if size is None else f"width:{LARGEST * float(size[1]):.0f}px;"
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return Markup(f'<img src="{source}" style="{width}max-width:100%" alt="" aria-describedby="{key}-caption">')


def inline_svg(svg: str, key: str) -> Markup:
    """A Matplotlib SVG as part of the page.

    Its ids and the references to them get the prefix `key`, because two figures use the same ones; its colours
    become the page's; its size follows the page between `_SMALLEST` and `LARGEST`; its caption names it.
    """
    body = svg[svg.index("<svg") :]
    head, rest = body.split(">", 1)
    view_box = re.search(r'viewBox="([^"]+)"', head)
    if view_box is None:
        raise InputError(f"figure {key} is an SVG without viewBox: save it with save_figures")
    width = float(view_box.group(1).split()[2])
    rest = re.sub(r'\bid="', f'id="{key}-', rest)
    rest = re.sub(r'href="#', f'href="#{key}-', rest).replace("url(#", f"url(#{key}-")
    for fixed, variable in PAGE_COLOURS.items():
        rest = rest.replace(fixed, variable)
    size = f"min-width:{_SMALLEST * width:.0f}px;max-width:{LARGEST * width:.0f}px"
    opening = (
        f'<svg viewBox="{view_box.group(1)}" style="{size}" role="img" aria-labelledby="{key}-caption"'
        ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    )
    return Markup(f"{opening}>{rest.strip()}")  # drawn by save_figures, escaped there


def arm_table(rows: pd.DataFrame, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per arm of `rows`: its size, n, mean test score with 95 % interval, least, largest, diverged runs.

    The score is the accuracy, or R² of a study about numbers.
    A tuned arm (see `with_tuned`) says what each half of the seeds takes.
    """
    described, column = manifest.get("arms", {}), score_column_in(rows, "test")
    return [
        {"arm": arm, **described.get(arm, _taken(group)), **_arm_summary(group, column)}
        for arm, group in rows.groupby("arm", sort=False)
    ]


def _taken(rows: pd.DataFrame) -> dict[str, str]:
    """The description of an arm that was not trained itself: which arms its seeds were taken from, where it says so."""
    if "taken" not in rows:
        return {}
    halves = {
        half: rows.loc[rows["seed"] % 2 == number, "taken"].dropna() for number, half in enumerate(("even", "odd"))
    }
    text = ", ".join(f"{half} seeds take {taken.iloc[0]}" for half, taken in halves.items() if len(taken))
    return {"description": text} if text else {}


def score_text(column: str, value: float | None) -> str:
    """A score in the words of its column; a dash where there is none."""
    if plotting.is_share(column):
        return presentation.accuracy_text(value)
    return "–" if value is None else plotting.format_value(column, value).replace("-", "−")


def _arm_summary(rows: pd.DataFrame, column: str) -> dict[str, Any]:
    values = final_values(rows, column)
    tested = values.dropna()
    interval = mean_interval(tested) if len(tested) > 1 else None
    return {
        "n": len(values),
        "mean": tested.mean() if len(tested) else None,
        "interval": _interval_text(column, interval.low, interval.high) if interval else "–",
        "least": tested.min() if len(tested) else None,
        "largest": tested.max() if len(tested) else None,
        "diverged": len(diverged_runs(rows)),
    }


def _interval_text(column: str, low: float, high: float) -> str:
    if not plotting.is_share(column):
        return f"{score_text(column, low)} to {score_text(column, high)}"
    low, high = _shares(low, high)
    return f"{100 * low:.2f} to {100 * high:.2f} %"


def reported_texts(one: Mapping[str, Any]) -> dict[str, Any]:
    """Write a row of `compare_reported` as text: `reported`, `mean` and the `interval`, in their unit.

    >>> from jaxmlp.evidence import Reported, compare_reported, final, synthetic_rows
    >>> rows = synthetic_rows({"he": {"test_accuracy": [0.979, 0.980, 0.981]}})
    >>> (one,) = compare_reported([Reported("E-003", "he", final("test_accuracy"), 0.9774, "doc")], rows)
    >>> reported_texts(one)["reported"], reported_texts(one)["interval"]
    ('97.74 %', '97.50 % to 98.50 %')
    """

    def text(value: float | None) -> str:
        if value is None:
            return "–"
        match one["unit"]:
            case "accuracy":
                return presentation.accuracy_text(value)
            case "pp":
                return f"{100 * value:z.2f} pp".replace("-", "−")
            case unit:
                return f"{value:.4g} {unit}".rstrip().replace("-", "−")

    interval = "–"
    if one["low"] is not None:
        ends = [one["low"], one["high"]]
        interval = " to ".join(map(text, _shares(*ends) if one["unit"] == "accuracy" else ends))
    return {**one, "reported": text(one["reported"]), "mean": text(one["mean"]), "interval": interval}


def predicted_texts(one: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `compare_predicted` for the eye: `predicted`, `measured` with its interval, and whether it is `inside`,
    as text.
    """
    predicted, measured = number_texts(one)
    return {**one, "predicted": predicted, "measured": measured, "inside": inside_text(one)}


def _shares(*ends: float) -> list[float]:
    """Ends of an interval of accuracies, which computed from a normal sample may lie beyond those that there are."""
    return [min(max(end, 0.0), 1.0) for end in ends]


def facts_of(manifest: Mapping[str, Any], rows: pd.DataFrame) -> list[tuple[str, str]]:
    """How the study was run, as (what, value); what an older manifest does not know is left out."""
    data = manifest.get("dataset", {})
    seeds = sorted(int(seed) for seed in rows["seed"].unique())
    facts = {
        "command": manifest.get("command"),
        "dataset": data and f"{data['name']}: {data['num_train']:,} training and {data['num_test']:,} test images",
        "data digest": data.get("digest"),
        "preset": manifest.get("preset"),
        "arms and seeds": f"{rows['arm'].nunique()} arms, {len(seeds)} seeds ({_span(seeds)})",
        "epochs": str(max(rows["epoch"])),
        "device": manifest.get("device"),
        "precision": manifest.get("precision"),
        "commit": manifest.get("commit"),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.get("versions", {}).items()),
        "started": manifest.get("started"),
        "time": _duration(manifest["seconds"]) if manifest.get("seconds") is not None else None,
    }
    return [(what, str(value)) for what, value in facts.items() if value]


def _span(seeds: Sequence[int]) -> str:
    whole = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"{seeds[0]} to {seeds[-1]}" if whole and len(seeds) > 1 else ", ".join(map(str, seeds))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
