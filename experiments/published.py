"""What full runs gave, kept small in `experiments/published/`, and the README's findings made from it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.ledger import load_ledger
from experiments.registry import EXPERIMENTS
from experiments.session import VERDICTS_FILE, find_studies
from jaxmlp.errors import InputError
from jaxmlp.files import write_whole
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE

PUBLISHED = Path(__file__).parent / "published"
README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- findings: made by `python -m experiments publish` -->", "<!-- end of findings -->"


def published_verdicts() -> dict[str, dict[str, Any]]:
    """The published verdict of every claim that has one, by claim id."""
    files = [PUBLISHED / name / VERDICTS_FILE for name in EXPERIMENTS]
    verdicts = [json.loads(path.read_text(encoding="utf-8")) for path in files if path.is_file()]
    return {verdict["claim"]: verdict for study in verdicts for verdict in study}


def claim_rows() -> list[dict[str, Any]]:
    """All claims of the ledger: the published verdict, or `not_tested` and why."""
    published, tested_by = published_verdicts(), dict(_tested_by())
    rows = []
    for claim in load_ledger().claims.values():
        reason = "no experiment tests it yet"
        if claim.id in tested_by:
            reason = f"experiment {tested_by[claim.id]} tests it, but no full run of it is published"
        untested = {"claim": claim.id, "doc": claim.document, "statement": claim.statement}
        untested |= {"verdict": "not_tested", "evidence": reason, "n": 0, "preview": False, "parts": []}
        untested |= dict.fromkeys(("effect", "unit", "ci_low", "ci_high"))
        rows.append(published.get(claim.id, untested))
    return rows


def publish_study(folder: Path) -> list[Path]:
    """Copy a finished study's rows, verdicts and manifest, and renew the README's findings.

    Returns:
        The files written.

    Raises:
        InputError: no finished study, or a preview: the digits or the quick preset.
    """
    (experiment, folder), *_ = find_studies(folder)
    verdicts = json.loads((folder / VERDICTS_FILE).read_text(encoding="utf-8"))
    if any(verdict["preview"] for verdict in verdicts):
        raise InputError(f"{folder} is a preview (digits or quick): publish a run with --preset full on MNIST")
    target = PUBLISHED / experiment.name
    target.mkdir(parents=True, exist_ok=True)
    names = (ROWS_FILE, VERDICTS_FILE, MANIFEST_FILE)
    for name in names:
        write_whole(target / name, lambda temporary, name=name: shutil.copyfile(folder / name, temporary))
    readme = README.read_text(encoding="utf-8")
    write_whole(README, lambda temporary: temporary.write_text(with_findings(readme), encoding="utf-8"))
    return [*(target / name for name in names), README]


def with_findings(readme: str) -> str:
    """The README's text with its block of findings made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{findings()}{END}{after}"


def findings() -> str:
    """A Markdown table of the published verdicts: what was measured, on which data and device."""
    lines = [
        "| claim | what the document says | verdict | what the runs show | data, device |",
        "|---|---|---|---|---|",
    ]
    for claim, verdict in sorted(published_verdicts().items()):
        statement = " ".join(verdict["statement"].split())
        shown = "<br>".join(part["evidence"] for part in verdict["parts"])
        where = f"{verdict['dataset']}, {verdict['device']}"
        lines.append(f"| {claim} | {verdict['doc']}: {statement} | **{verdict['verdict']}** | {shown} | {where} |")
    return "\n".join(lines) + "\n"


def _tested_by() -> Iterator[tuple[str, str]]:
    for experiment in EXPERIMENTS.values():
        for claim in experiment.claims:
            yield claim.id, experiment.name
