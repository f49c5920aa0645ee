"""The overview: every claim with its verdict on one page, document by document, linked to the studies' reports."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxmlp.errors import InputError
from jaxmlp.evidence import presentation
from jaxmlp.evidence.report import page_templates
from jaxmlp.files import write_text


@dataclass(frozen=True)
class Overview:
    """What the page shows.

    Attributes:
        documents: titles of the documents by id, in the order of the page.
        verdicts: one per claim, as in `verdicts.json`; untested ones say why in `evidence`.
        reports: by claim, where the report of its study lies, relative to the page; claims without one have no link.

    >>> Overview({"D0": "Slides"}, verdicts=[]).documents
    {'D0': 'Slides'}
    """

    documents: Mapping[str, str]
    verdicts: Sequence[Mapping[str, Any]]
    reports: Mapping[str, str] = field(default_factory=dict)


def write_overview(path: Path, overview: Overview) -> Path:
    """Write the page to `path`, whole or not at all; the same verdicts give the same bytes. Returns `path`.

    Raises:
        InputError: a verdict on a claim of a document that is not listed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "Slides" in write_overview(Path(folder, "index.html"), Overview({"D0": "Slides"}, [])).read_text("utf-8")
    True
    """
    unknown = sorted({verdict["doc"] for verdict in overview.verdicts} - set(overview.documents))
    if unknown:
        raise InputError(f"claims of {', '.join(unknown)}, of which no title is given: list these documents")
    groups = [
        {"id": id_, "title": title, "verdicts": [one for one in overview.verdicts if one["doc"] == id_]}
        for id_, title in overview.documents.items()
    ]
    html = (
        page_templates()
        .get_template("overview.html")
        .render(
            title=f"{len(overview.verdicts)} claims and their verdicts",
            groups=groups,
            counts=Counter(one["verdict"] for one in overview.verdicts),
            total=len(overview.verdicts),
            reports=overview.reports,
            show=presentation,
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html)
    return path
