"""One bit of one file flipped, of every kind that a study or a publishing has: never other numbers without a word."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks.faults.jobs import PUBLISH, REPORTED, STUDY, listing, published_in
from experiments.benchmarks.faults.operations import watch_operations
from experiments.benchmarks.faults.trying import Fuzzer, Numbers, Try, one_of
from experiments.lab import published
from jaxmlp import study


class _Flippable(NamedTuple):
    whole: Path
    work: Path
    """Where its copies are."""
    kinds: list[list[str]]
    """Files that are alike."""
    read: Callable[[Path], Any]
    """All that can be known from such a folder, going on where it is unfinished."""
    known: Any


def _flippable(whole: Path, read: Callable[[Path], Any], known: Any) -> _Flippable:
    kinds: dict[tuple[Path, str], list[str]] = {}
    for name in listing(whole):
        path = Path(name)
        if (whole / name).is_file() and not path.name.startswith("."):
            # Of folders that hold many files all are of one kind; those beside the manifest are one kind each.
            single = (whole / path.parent / "manifest.json").exists()
            kinds.setdefault((path.parent, path.name if single else path.suffix), []).append(name)
    return _Flippable(whole, whole.parent / "work", list(kinds.values()), read, known)


def _go_on(out: Path) -> Any:
    STUDY.act(out)
    return STUDY.content(out)


def _half_done(folder: Path) -> _Flippable:
    """The state of a study in which there are finished blocks, checkpoints and forks at once."""
    out, half = folder / "whole", folder / "half"
    out.mkdir()

    def keep(number: int, event: str) -> None:
        wanted = ("s/checkpoints/*.safetensors", "s/forks/*.safetensors", "s/blocks/*.parquet")
        if not half.exists() and all(any(out.glob(pattern)) for pattern in wanted):
            shutil.copytree(out, half, ignore=shutil.ignore_patterns(".*"))

    with watch_operations(out, keep):
        STUDY.act(out)
    if not half.exists():
        raise RuntimeError("no moment of the study had blocks, checkpoints and forks")
    return _flippable(half, _go_on, STUDY.content(out))


def _done(folder: Path) -> _Flippable:
    out = folder / "whole"
    out.mkdir()
    return _flippable(out, _go_on, _go_on(out))


def _published(folder: Path) -> _Flippable:
    PUBLISH.prepare(folder / "made")
    PUBLISH.act(folder / "made")
    whole = shutil.copytree(folder / "made" / "published" / REPORTED, folder / "whole" / REPORTED).parent
    return _flippable(whole, _read_published, _read_published(whole))


def _read_published(out: Path) -> Any:
    with published_in(out):
        results = study.Results.load(published.published_folder(REPORTED))
        tables = {name: rows.to_json(double_precision=15) for name, rows in results.tables.items()}
        return tables, results.manifest, published.published_verdicts(), published.published_comparisons()


def _draw_flip(numbers: Numbers, flippable: _Flippable) -> Try:
    name = one_of(numbers, one_of(numbers, flippable.kinds))
    content = bytearray((flippable.whole / name).read_bytes())
    at, bit = int(numbers.integers(len(content))), int(numbers.integers(8))
    content[at] ^= 1 << bit

    def act() -> Any:
        shutil.rmtree(flippable.work, ignore_errors=True)
        shutil.copytree(flippable.whole, flippable.work)
        (flippable.work / name).write_bytes(content)
        return flippable.read(flippable.work)

    same: Callable[[Any], str] = lambda found: "" if found == flippable.known else "other numbers"  # noqa: E731
    return Try(f"{name}: bit {bit} of byte {at}", act, same)


FLIPS = (
    Fuzzer("flips: unfinished study", _half_done, _draw_flip),
    Fuzzer("flips: finished study", _done, _draw_flip),
    Fuzzer("flips: published study", _published, _draw_flip),
)
"""200 of each kind of file are 1,800, 1,200 and 1,000 tries."""
