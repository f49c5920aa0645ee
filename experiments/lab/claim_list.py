"""The claims and their published verdicts, read and not judged: nothing here loads JAX, so a list comes at once.

That rules and verdicts still agree is verified where there is time: by `publish`, by `report` and by the tests.
"""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from experiments.lab.amendments import amended_texts
from experiments.lab.ledger import load_ledger
from jaxmlp.errors import InputError
from jaxmlp.files import DamagedFileError, read_sealed_json

PUBLISHED = Path(__file__).parents[1] / "published"
VERDICTS_FILE = "verdicts.json"
CHECKSUMS_FILE = "checksums.json"
"""SHA-256 of every file of a published study, written last. Studies that were published before it was have none."""


def experiment_names() -> list[str]:
    """Every experiment's name: that of its file."""
    return sorted(path.stem for path in PUBLISHED.parent.glob("*.py") if not path.stem.startswith("_"))


def no_study(out: Path) -> InputError:
    """What is said of a folder without results."""
    return InputError(f"{out} holds no finished study: give the --out of a run, or one study's folder inside it")


def checked_folder(folder: Path, but: Collection[str] = ()) -> Path:
    """The folder, with all files `but` these as its checksums have them, if it has any.

    Raises:
        DamagedFileError: one has changed since.
    """
    if (folder / CHECKSUMS_FILE).is_file():
        for file, checksum in read_sealed_json(folder / CHECKSUMS_FILE).items():
            if file not in but and checksum_of(folder / file) != checksum:
                reason = "it is not as it was published; where a publish was killed, repeat that"
                raise DamagedFileError(folder / file, reason)
    return folder


def checksum_of(path: Path) -> str:
    """SHA-256 of a file (hex), or "gone"."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "gone"


def read_judged(path: Path) -> list[dict[str, Any]]:
    """What a file of verdicts or comparisons holds; nothing where there is none.

    Raises:
        DamagedFileError: it is no JSON.
    """
    if not path.is_file():
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedFileError(path, f"it is not readable as JSON ({error})") from None


def verdicts_in(folder: Path) -> dict[str, dict[str, Any]]:
    """By claim, the verdicts of all studies that lie in a folder."""
    files = [checked_folder(folder / name) / VERDICTS_FILE for name in experiment_names()]
    return {verdict["claim"]: verdict for path in files for verdict in read_judged(path)}


def claims_in(folder: Path) -> list[dict[str, Any]]:
    """All claims of the ledger: the verdict in the folder, or `not_tested` and why."""
    published, amended, tested_by = verdicts_in(folder), amended_texts(), _tested_by(folder)
    rows = []
    for claim in load_ledger().claims.values():
        reason = f"no experiment tests it yet; what would: {' '.join(claim.test.split())}"
        if claim.id in tested_by:
            reason = f"experiment {tested_by[claim.id]} tests it, but no full run of it is published"
        untested = {"claim": claim.id, "doc": claim.document, "statement": claim.statement}
        untested |= {"verdict": "not_tested", "evidence": reason, "n": 0, "preview": False, "parts": []}
        untested |= dict.fromkeys(("effect", "unit", "ci_low", "ci_high"))
        untested |= {"ours": False, "how": "", "cause_found": "", "fragile": False, "margins": {}, "qualified": []}
        untested |= {"planned_n": 0, "amended": amended.get(claim.id, [])}
        rows.append(published.get(claim.id, untested))
    return rows


def _tested_by(folder: Path) -> dict[str, str]:
    """By claim, the experiment that tests it; none where all have verdicts in the folder, which then say it."""
    if all((folder / name / VERDICTS_FILE).is_file() for name in experiment_names()):
        return {}
    from experiments.lab.registry import EXPERIMENTS  # which loads JAX

    return {claim.id: experiment.name for experiment in EXPERIMENTS.values() for claim in experiment.claims}
