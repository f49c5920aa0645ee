"""What full runs gave, kept small in `experiments/published/`."""

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from experiments.lab.base import Experiment
from experiments.lab.claim_list import (
    CHECKSUMS_FILE,
    PUBLISHED,
    VERDICTS_FILE,
    checked_folder,
    checksum_of,
    claims_in,
    read_judged,
    verdicts_in,
)
from experiments.lab.demo import DEMO
from experiments.lab.ledger import load_ledger
from experiments.lab.registry import EXPERIMENTS
from experiments.lab.session import (
    BESIDE_FILE,
    PREDICTED_FILE,
    find_studies,
    judge_study,
    write_pages,
)
from experiments.lab.version_1 import MEASURED_FILE
from jaxmlp.errors import InputError
from jaxmlp.evidence import Overview, is_preview, write_overview
from jaxmlp.files import (
    FIGURES_FOLDER,
    REPORT_FILE,
    read_rows,
    read_sealed_json,
    write_sealed_json,
    write_whole,
)
from jaxmlp.schema import table_file
from jaxmlp.study.folder import BLOCKS_FOLDER
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE
from jaxmlp.training.state import EPOCHS

OVERVIEW_FILE = "overview.html"
DEMO_FILE = f"{FIGURES_FOLDER}/{DEMO}.svg"
JUDGED_FILES = (VERDICTS_FILE, BESIDE_FILE, PREDICTED_FILE)
"""Made of the others, by the rules as they are."""


def published_folder(name: str, *, but: Collection[str] = ()) -> Path:
    """The folder of a published study, which need not be there, with all files `but` these as they were published.

    Raises:
        DamagedFileError: one has changed since.
    """
    return checked_folder(PUBLISHED / name, but)


def _write_checksums(folder: Path) -> Path:
    path = folder / CHECKSUMS_FILE
    files = sorted(file for file in folder.rglob("[!.]*") if file.is_file() and file != path)
    write_sealed_json(path, {file.relative_to(folder).as_posix(): checksum_of(file) for file in files})
    return path


def published_verdicts() -> dict[str, dict[str, Any]]:
    """The published verdict of every claim that has one, by claim id."""
    return verdicts_in(PUBLISHED)


def claim_rows() -> list[dict[str, Any]]:
    """All claims of the ledger with their published verdicts: see `claims_in`."""
    return claims_in(PUBLISHED)


def published_comparisons() -> list[dict[str, Any]]:
    """The documents' numbers that published runs stand beside; see `compare_reported`."""
    files = [published_folder(name) / BESIDE_FILE for name in EXPERIMENTS]
    return [one for path in files for one in read_judged(path) if one["n"]]


def write_published_overview(path: Path, reports: Path | None = None) -> Path:
    """Write the page of all claims; each links to its study's report where `reports`, beside the page, has one."""
    ledger = load_ledger()
    links = {}
    if reports is not None:
        pages = {claim.id: reports / one.name / REPORT_FILE for one in EXPERIMENTS.values() for claim in one.claims}
        links = {claim: page.relative_to(path.parent).as_posix() for claim, page in pages.items() if page.is_file()}
    titles = {document.id: document.title for document in ledger.documents.values()}
    return write_overview(path, Overview(titles, claim_rows(), links))


def rebuild_reports(out: Path) -> list[Path]:
    """Pages of everything published, from its results: figures and report of every study, and the overview.

    Args:
        out: where; what is published stays as it is.

    Returns:
        The pages, the overview last.
    """
    pages = []
    for experiment, _ in find_studies(PUBLISHED):
        folder, target = published_folder(experiment.name), out / experiment.name
        shutil.copytree(folder, target, dirs_exist_ok=True)
        write_pages(experiment, target)
        pages.append(target / REPORT_FILE)
    return [*pages, write_published_overview(out / OVERVIEW_FILE, out)]


def publish_studies(out: Path) -> list[Path]:
    """Copy what the pages of finished studies are made of, and renew the page of all claims.

    Args:
        out: the `--out` of runs, or one study's folder in it.

    Returns:
        The files written.

    They are judged first: a study that was resumed, and stopped before it was judged, has the verdicts of before.

    Raises:
        InputError: no finished study, one that is in the midst of training or a preview, or one that lacks published
            runs. Nothing is copied then.
        DamagedFileError: a file of it.
    """
    studies = find_studies(out)
    for experiment, folder in studies:
        manifest = read_sealed_json(folder / MANIFEST_FILE)
        if (folder / BLOCKS_FOLDER).is_dir():
            raise InputError(f"{folder} was stopped in the midst of training: go on with it first (--resume)")
        if _is_small(experiment, manifest):
            raise InputError(f"{folder} is a preview: publish what --preset full gives on MNIST, at all its epochs")
        if lost := _lost_runs(experiment, folder):
            raise InputError(
                f"{folder} lacks {lost} runs that are published: go on in the study that has them (--resume)"
            )
    for experiment, folder in studies:
        judge_study(experiment, folder)
    written = [file for experiment, folder in studies for file in _copy(experiment, folder)]
    return [*written, write_published_overview(PUBLISHED / OVERVIEW_FILE)]


def _is_small(experiment: Experiment, manifest: dict[str, Any]) -> bool:
    """Whether it is no full run; data of an experiment's own, which answers no document, are as large as they are."""
    own = experiment.dataset is not None and not experiment.claims
    return manifest["preset"] != "full" if own else is_preview(manifest["dataset"]["name"], manifest["preset"])


def _lost_runs(experiment: Experiment, folder: Path) -> int:
    """How many published runs of the experiment's arms the study in `folder` does not hold."""
    published, own = ({*_runs(place)} for place in (PUBLISHED / experiment.name, folder))
    return len(published - own)


def _runs(folder: Path) -> Iterator[tuple[str, int]]:
    """Arm and seed of every run in a study's folder; none where there is no study."""
    if (folder / ROWS_FILE).is_file():
        rows = read_rows(folder / ROWS_FILE, ("arm", "seed"))[["arm", "seed"]].drop_duplicates()
        yield from zip(rows["arm"], rows["seed"], strict=True)


def rejudge_published() -> list[Path]:
    """Judge everything published by the rules as they are now, from its results, and renew the page of all claims.

    Returns:
        The files written.
    """
    studies = [
        (experiment, published_folder(experiment.name, but=JUDGED_FILES)) for experiment, _ in find_studies(PUBLISHED)
    ]
    written = []
    for experiment, folder in studies:
        judge_study(experiment, folder)
        written += [folder / name for name in JUDGED_FILES if (folder / name).is_file()] + [_write_checksums(folder)]
    return [*written, write_published_overview(PUBLISHED / OVERVIEW_FILE)]


def _copy(experiment: Experiment, folder: Path) -> list[Path]:
    target = PUBLISHED / experiment.name
    measured = () if experiment.measured is None else experiment.measured.subjects
    tables = dict.fromkeys((*measured, *(name for figure in experiment.figures for name in figure.tables)))
    further = (*(table_file(name) for name in tables if name != EPOCHS.name), MEASURED_FILE, DEMO_FILE, PREDICTED_FILE)
    kept = [ROWS_FILE, VERDICTS_FILE, BESIDE_FILE, MANIFEST_FILE]
    kept += [name for name in further if (folder / name).is_file()]
    for name in kept:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(target / name, lambda temporary, name=name: shutil.copyfile(folder / name, temporary))
    if MEASURED_FILE not in kept:  # version 1's file: its numbers are in the tables now
        (target / MEASURED_FILE).unlink(missing_ok=True)
    return [*(target / name for name in kept), _write_checksums(target)]
