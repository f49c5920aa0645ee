"""A diagnosis as one HTML file that needs nothing else, as a notebook's cell, and as a table on the terminal."""

from pathlib import Path
from typing import Any

from markupsafe import Markup
from rich import box
from rich.table import Table

from jaxmlp.diagnosis.diagnosis import AS_GIVEN, REFERENCE_NAME, Diagnosis
from jaxmlp.diagnosis.telling import answer, cause_sentences, change_sentence, how_to, repair_sentence
from jaxmlp.diagnosis.verdict import share_in_words
from jaxmlp.evidence.report import page_templates
from jaxmlp.files import write_text

PAGE = "diagnosis.html"
_WIDTH, HEIGHT, EDGE, RADIUS = 360.0, 24.0, 8.0, 3.5
"""Of a strip, in CSS pixels."""


def write_page(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write the page into a folder; returns its path."""
    page = page_templates("diagnosis").get_template("page.html")
    write_text(folder / PAGE, page.render(title=answer(diagnosis), body=Markup(page_body(diagnosis))))
    return folder / PAGE


def page_body(diagnosis: Diagnosis) -> str:
    """What stands between the page's head and foot."""
    return page_templates("diagnosis").get_template("diagnosis.html").render(view=_view(diagnosis))


def trials_table(diagnosis: Diagnosis) -> Table:
    """Show what was trained and its result, as a table for the terminal: as given, then the changes, the best first.

    >>> from jaxmlp import diagnosis, nn, training
    >>> given = diagnosis.Setting(training.RunSpec(nn.MLPSpec((4, 8, 3))))
    >>> bar = diagnosis.Bar(constant=0.33, reference=0.97, noise=0.01)
    >>> found = diagnosis.Diagnosis(given, "iris", bar, before=(24, 24), median=0.97, learnable=True)
    >>> [column.header for column in trials_table(found).columns]
    ['what was trained', 'runs that succeed', 'median']
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("what was trained", ratio=1)
    table.add_column("runs that succeed", justify="right", no_wrap=True)
    table.add_column("median", justify="right", no_wrap=True)
    for row in _trials(diagnosis):
        table.add_row(row["what"], row["share"], row["median"])
    return table


def _view(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "answer": answer(diagnosis),
        "symptoms": [one.sentence for one in diagnosis.symptoms] if not diagnosis.trains else [],
        "repairs": [
            {
                "told": repair_sentence(diagnosis, one),
                "options": how_to(diagnosis, one)[0],
                "python": how_to(diagnosis, one)[1],
            }
            for one in diagnosis.repairs
        ],
        "cause": cause_sentences(diagnosis),
        "helps": [f"{one.sentence}: {share_in_words(one.effect.successes, one.effect.n)}" for one in diagnosis.helps],
        "strips": [
            {"what": _what(name), "n": len(scores), "svg": Markup(_strip(diagnosis, scores))}
            for name, scores in diagnosis.scores.items()
        ],
        "bar": diagnosis.bar.shown(diagnosis.bar.value),
        "constant": diagnosis.bar.shown(diagnosis.bar.constant),
        "trials": _trials(diagnosis),
        "not_tried": [change_sentence(name) for name in diagnosis.not_tried],
        "facts": f"{diagnosis.runs} nets trained in {diagnosis.seconds:.0f} s, on {diagnosis.dataset}.",
    }


def _what(name: str) -> str:
    return {AS_GIVEN: "the net as given", REFERENCE_NAME: "a reference net"}.get(name) or change_sentence(name)


def _trials(diagnosis: Diagnosis) -> list[dict[str, str]]:
    """Rows of the table: screening runs, and the judging runs where there were any."""
    successes, n = diagnosis.before
    shown = diagnosis.bar.shown
    rows = [{"what": _what(AS_GIVEN), "share": f"{successes} of {n}", "median": shown(diagnosis.median)}] if n else []
    judged = {" + ".join(one.changes): one.effect for one in diagnosis.confirmed}
    best_first = sorted(diagnosis.tried.items(), key=lambda item: (item[0] in judged, *item[1]), reverse=True)
    for name, found in best_first:
        effect = judged.get(name)
        share = f"{found.successes} of {found.n}" if effect is None else f"{effect.successes} of {effect.n}"
        rows.append({"what": change_sentence(name), "share": share, "median": shown(found.median)})
    return rows


def _strip(diagnosis: Diagnosis, scores: tuple[float, ...]) -> str:
    """One dot for every run, and a line at the bar; scores far below a constant answer stand at the left end."""
    bar = diagnosis.bar
    low = min(bar.constant, bar.value) - 0.15 * abs(bar.value - bar.constant or 1.0)
    high = max([bar.value, bar.reference, *scores])
    high += 0.05 * (high - low)

    def place(score: float) -> float:
        share = (max(score, low) - low) / (high - low)
        return round(EDGE + share * (_WIDTH - 2 * EDGE), 1)

    line, middle = place(bar.value), HEIGHT / 2
    reached = sum(score >= bar.value for score in scores)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH:g} {HEIGHT:g}" width="{_WIDTH:g}" height="{HEIGHT:g}" role="img" '
        f'aria-label="{reached} of {len(scores)} runs reach {bar.shown(bar.value)}">',
        f'<line x1="{EDGE:g}" x2="{_WIDTH - EDGE:g}" y1="{middle:g}" y2="{middle:g}" stroke="currentColor" '
        'stroke-opacity=".25"/>',
        f'<line x1="{line}" x2="{line}" y1="2" y2="{HEIGHT - 2:g}" stroke="currentColor" stroke-width="1.5"/>',
    ]
    for i, score in enumerate(scores):
        # Dots of equal scores would hide each other: they go up and down a little, in turn.
        y = middle + (i % 5 - 2) * 2.5
        fill = "#0072b2" if score >= bar.value else "#d55e00"
        parts.append(f'<circle cx="{place(score)}" cy="{y:g}" r="{RADIUS:g}" fill="{fill}" fill-opacity=".7"/>')
    return "".join([*parts, "</svg>"])
