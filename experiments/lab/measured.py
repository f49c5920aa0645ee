"""What a study measures besides training: times, theory, nets in another mode. Each is a table that it declares."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from experiments.lab.version_1 import MEASURED_FILE, measured_tables
from jaxmlp.data import Dataset
from jaxmlp.files import read_about, read_sealed_json, write_rows, write_sealed_json
from jaxmlp.schema import table_file, table_named
from jaxmlp.study import Arm, Results
from jaxmlp.study.manifest import describe_tables
from jaxmlp.study.results import MANIFEST_FILE


@dataclass(frozen=True)
class Finished:
    """A study that has trained."""

    arms: Sequence[Arm]
    """Those that were run."""
    seeds: Mapping[str, int]
    """How many each has."""
    results: Results
    dataset: Dataset
    first_seed: int = 0
    """Rounds that are no runs count from here, so that they belong to the runs' seeds."""
    earlier: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """By name, the tables that an earlier call measured; their rows stay where they are not made anew."""


@dataclass(frozen=True)
class Measurement:
    """Declared with an experiment, made after its training."""

    subjects: Mapping[str, tuple[str, ...]]
    """By the name of each table that it makes, what its rows may be of: arms, starts, modes."""
    make: Callable[[Finished], dict[str, pd.DataFrame]]
    """These tables; each may be empty."""
    needs_nets: bool = False
    """Whether it reads the trained nets, which are kept then."""


def both(first: Measurement, second: Measurement) -> Measurement:
    """The tables of two measurements."""

    def make(finished: Finished) -> dict[str, pd.DataFrame]:
        return first.make(finished) | second.make(finished)

    return Measurement({**first.subjects, **second.subjects}, make, first.needs_nets or second.needs_nets)


def measure_study(measurement: Measurement, finished: Finished, folder: Path) -> None:
    """Measure, and keep the tables in the study's folder, unless they are there already for the same runs.

    What was measured for other runs or rounds stays beside it: a published study is continued with fresh seeds.
    """
    files = {name: folder / table_file(name) for name in measurement.subjects}
    about = {"runs": sorted(finished.results.rows["run_id"].unique())}
    if all(file.is_file() and read_about(file) == about for file in files.values()):
        return
    earlier = {name: rows for name, rows in load_results(folder).tables.items() if name in files}
    for name, made in measurement.make(replace(finished, earlier=earlier)).items():
        rows = _joined(earlier.get(name), made, list(table_named(name).keys))
        table_named(name).check(rows)
        write_rows(files[name], rows, about)
    manifest = read_sealed_json(folder / MANIFEST_FILE)
    write_sealed_json(folder / MANIFEST_FILE, manifest | {"tables": describe_tables(files, manifest)})
    (folder / MEASURED_FILE).unlink(missing_ok=True)  # what version 1 had in their place


def _joined(earlier: pd.DataFrame | None, made: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The earlier rows whose keys are not among those made now, and these."""
    if earlier is None or not len(earlier):
        return made
    anew = set(made[keys].itertuples(index=False, name=None))
    kept = [key not in anew for key in earlier[keys].itertuples(index=False, name=None)]
    return pd.concat([earlier.loc[kept], made], ignore_index=True) if len(made) else earlier


def load_results(folder: Path) -> Results:
    """Results with everything that the study measured, of any version.

    Raises:
        InputError: as `Results.load`.
    """
    results = Results.load(folder)
    further = {name: rows for name, rows in measured_tables(folder).items() if name not in results.tables}
    return Results({**results.tables, **further}, results.manifest, results.nets)
