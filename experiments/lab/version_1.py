"""Reader of what version 1 kept of measurements: one file of further "arms", whose epochs and seeds meant other things.

An arm was a start, an arm that was timed, or a mode; an epoch a layer, a seed a round. Published studies have such
files.
"""

from pathlib import Path

import pandas as pd

from jaxmlp.files import read_rows
from jaxmlp.schema import Table, table_named

MEASURED_FILE = "measured.parquet"
_ALONE = " alone"
"""What the name of an arm had behind it where it was timed."""
_TABLES = ("times", "starts", "start_growth", "forbidden", "modes", "masks")
"""That studies of version 1 measured; each is declared by who measures it."""
ARM_OF = {"dropout_with_masks": "dropout", "batch_norm_by_64": "batch_norm", "batch_norm_by_1": "batch_norm"}
"""By mode, whose nets were in it."""


def measured_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables that a study of version 1 measured, by name; none where it has no such file."""
    if not (folder / MEASURED_FILE).is_file():
        return {}
    rows = read_rows(folder / MEASURED_FILE, ("arm", "seed", "epoch"))
    found = {name: _rows_of(rows, table_named(name)) for name in _TABLES}
    return {name: own for name, own in found.items() if len(own)}


def _rows_of(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The rows that have a number of the table's, under its own names."""
    columns = [column.name for column in table.columns if column.name in rows]
    there = rows.dropna(subset=columns, how="all") if columns else rows.iloc[:0]
    subjects = there["arm"].str.removesuffix(_ALONE)
    keys = {
        "arm": subjects.map(ARM_OF),
        table.subject: subjects,
        table.pair: there["seed"],
        table.along: there["epoch"],
    }
    own = {name: keys[name] for name in table.keys} | {name: there[name] for name in columns}
    return pd.DataFrame(own).drop_duplicates(ignore_index=True)  # a net's own numbers stood beside each of its layers
