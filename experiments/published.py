"""What full runs gave, kept small in `experiments/published/`."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.ledger import load_ledger
from experiments.registry import EXPERIMENTS
from experiments.session import VERDICTS_FILE, find_studies
from experiments.timed import TIMES_FILE
from jaxmlp.errors import InputError
from jaxmlp.files import write_whole
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE

PUBLISHED = Path(__file__).parent / "published"


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
    """Copy a finished study's rows, verdicts and manifest.

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
    names = [ROWS_FILE, VERDICTS_FILE, MANIFEST_FILE]
    names += [TIMES_FILE] if (folder / TIMES_FILE).is_file() else []
    for name in names:
        write_whole(target / name, lambda temporary, name=name: shutil.copyfile(folder / name, temporary))
    return [target / name for name in names]


def _tested_by() -> Iterator[tuple[str, str]]:
    for experiment in EXPERIMENTS.values():
        for claim in experiment.claims:
            yield claim.id, experiment.name
