"""Data files of the user's own: CSV and Parquet tables, NumPy's .npy and .npz, folders of IDX files.

Sizes that a header announces are checked before memory is taken, and nothing is unpickled.
"""

import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxmlp.data.idx import find_idx_files, read_part
from jaxmlp.data.limits import check_size, is_gzip
from jaxmlp.data.plain import at_row, missing_rows, reads_as_number
from jaxmlp.errors import InputError, check_path

ENDINGS = (".csv", ".parquet", ".npz", ".npy")

_PARTS = (
    ("inputs", "targets"),
    ("images", "labels"),
    ("x", "y"),
    ("data", "target"),
    ("features", "labels"),
)
"""What .npz files call inputs and targets; a part's name goes before or after."""
_MEMORY_OF_CSV = 10
"""Bytes that a byte of a CSV may take in memory."""
_NUMBER_BYTES = 8
_LONGEST_LINE = 1 << 20
"""Of a CSV, as far as its first lines are looked at."""


class Read(NamedTuple):
    """A file's content, for `from_arrays`."""

    inputs: Any
    targets: Any
    test: tuple[Any, Any] | None = None
    classes: Sequence[str] | None = None
    """Their names, where the file says them."""


def read_file(path: Path, *, target: str | None = None, drop: Sequence[str] = ()) -> Read:
    """Read inputs and targets from a file or a folder of IDX files.

    Args:
        path: .csv, .parquet, .npz, .npy, or a folder.
        target: the column of the targets: its name, or its number in a .npy; in a .npz the array. Several, such as
            those of one-hot classes, with commas between.
        drop: columns that are no inputs.

    Raises:
        InputError: a file of another kind, damaged, too large for the memory, without the target or without columns.
    """
    if path.is_dir():
        _refuse(path, target=target, drop=drop)
        return _read_folder(path)
    if not path.exists():
        raise InputError(f"there is no file {path}: give a data file ({', '.join(ENDINGS)}) or a folder of IDX files")
    ending = path.suffix.lower()
    if ending in (".csv", ".parquet"):
        return split_target(read_table(path), target, drop, str(path))
    if ending == ".npy":
        return _read_npy(path, target, drop)
    if ending == ".npz":
        _refuse(path, drop=drop)
        return _read_npz(path, target)
    raise InputError(f"{path} is no data file: accepted are {', '.join(ENDINGS)} and folders of IDX files")


def _refuse(path: Path, **options: Any) -> None:
    for name, value in options.items():
        if value:
            raise InputError(f"{path} is no table with columns and takes no {name}: leave --{name} out")


def read_table(file: str | os.PathLike[str]) -> Any:
    """A CSV or Parquet file as a DataFrame; raises `InputError` as `read_file` does.

    >>> import pandas, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "points.csv")
    ...     pandas.DataFrame({"x": [1, 3], "y": [2, 4]}).to_csv(path, index=False)
    ...     read_table(path)["y"].tolist()
    [2, 4]
    """
    check_path("the table", file)
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{path} is no file: give a .csv or .parquet")
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    if path.suffix.lower() == ".csv":
        return _read_csv(path)
    raise InputError(f"{path} is no table: give a .csv or .parquet")


def split_target(frame: Any, target: str | None, drop: Sequence[str], where: str) -> Read:
    """A table's columns as inputs and targets.

    Raises:
        InputError: no target, or a column that is not there.
    """
    names = [str(name) for name in frame.columns]
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    if target is None:
        raise InputError(f"{where} has columns {shown}: say which one is the target (target='NAME', --target NAME)")
    targets = [target] if target in names or "," not in target else [name.strip() for name in target.split(",")]
    for name in (*targets, *drop):
        if name not in names:
            raise InputError(f"{where} has no column {name!r}: there are {shown}")
    keep = [i for i, name in enumerate(names) if name not in (*targets, *drop)]
    if set(targets) & set(drop) or not keep:
        raise InputError(f"{where}: with target {target!r} no input is left: drop fewer columns")
    _check_names([names[i] for i in keep], where)
    for name in targets:
        if names.count(name) > 1 or targets.count(name) > 1:
            raise InputError(f"{where} has two columns {name!r}: give each a name of its own")
        _check_target(frame.iloc[:, names.index(name)], name, where)
    found = frame.iloc[:, [names.index(name) for name in targets]]
    return Read(frame.iloc[:, keep], found if len(targets) > 1 else found.iloc[:, 0])


def _check_names(names: Sequence[str], where: str) -> None:
    """Raise `InputError` for a column without a name, which pandas counts: an index would tell where a row stood."""
    odd = next((name for name in names if re.fullmatch(r"Unnamed: \d+", name)), None)
    if odd is not None:
        raise InputError(
            f"{where} has a column without a name, such as an index ({odd!r}): drop it (drop=[{odd!r}], "
            f'--drop "{odd}"), or name it'
        )


def _check_target(column: Any, target: str, where: str) -> None:
    missing = missing_rows(column)
    if missing.size:
        raise InputError(
            f"{where}: the target {target!r} is missing in {missing.size} rows, the first is "
            f"{at_row(int(missing[0]), len(column))}: fill them or drop these rows"
        )


def _read_csv(path: Path) -> Any:
    import pandas as pd

    if is_gzip(path):
        raise InputError(f"{path} is compressed: unpack it first (gunzip)")
    check_size(path, path.stat().st_size * _MEMORY_OF_CSV)
    try:
        with path.open(encoding="utf-8-sig") as file:
            header, first = (file.readline(_LONGEST_LINE).rstrip("\r\n") for _ in range(2))
        # What stands for a missing value is the reader's to say, not pandas': "NA" may be a class.
        frame = pd.read_csv(
            path,
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
            encoding="utf-8-sig",
            skipinitialspace=True,
        )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{path} is no CSV that can be read ({reason}): give UTF-8 text, one row a line") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    _check_csv(path, frame, header, first)
    return frame


def _check_csv(path: Path, frame: Any, header: str, first: str) -> None:
    import csv

    names, values = (next(csv.reader([line], skipinitialspace=True), []) for line in (header, first))
    if len(names) > 1 and _is_row(names, frame):
        raise InputError(f"{path} begins with a row ({header[:40]}): its first line must name the columns")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} has two columns {twice!r}: give each a name of its own")
    mark = next((mark for mark in ";\t|" if mark in header), None)
    if len(names) == 1 and mark is not None:
        raise InputError(
            f"{path} has one column {header[:40]!r}: columns are separated by commas, and numbers have points: save it "
            f"so (pandas.read_csv(FILE, sep={mark!r}, decimal=',') reads it as it is)"
        )
    if len(values) > len(names):
        raise InputError(f"{path} has more values in a row than its first line names: name every column")
    if not len(frame):
        raise InputError(f"{path} has no rows below its first line: give at least one")


def _is_row(names: Sequence[str], frame: Any) -> bool:
    """Whether a first line is one of the rows: numbers, but for texts that stand in their columns again."""
    texts = [i for i, name in enumerate(names) if not reads_as_number(name)]
    if 2 * len(texts) > len(names) or len(names) != len(frame.columns):
        return False
    fractions = any("." in name and reads_as_number(name) for name in names)  # years may be names
    return fractions or all((frame.iloc[:, i].astype(str) == names[i]).any() for i in texts)


def _read_parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            meta = file.metadata
            sizes = [meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)]
            check_size(path, max(sum(sizes), meta.num_rows * meta.num_columns * _NUMBER_BYTES))
            frame = file.read().to_pandas()
    except InputError:
        raise
    except (OSError, pa.ArrowException, ValueError, LookupError, MemoryError, TypeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{path} is no Parquet that can be read ({reason})") from None
    if not len(frame):
        raise InputError(f"{path} has no rows: give at least one")
    return frame


def read_array(file: str | os.PathLike[str]) -> np.ndarray:
    """The array in a .npy file; raises `InputError` as `read_file` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/rows.npy", np.ones((3, 2)))
    ...     read_array(Path(folder, "rows.npy")).shape
    (3, 2)
    """
    check_path("the array's file", file)
    path = Path(file)
    try:
        with path.open("rb") as content:
            return _read_array(path, content, path.stat().st_size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _read_npy(path: Path, target: str | None, drop: Sequence[str]) -> Read:
    import pandas as pd

    array = read_array(path)
    if array.dtype.fields:
        if array.ndim != 1:
            raise InputError(f"{path} holds records of shape {array.shape}: give one record a row, [N]")
        return split_target(pd.DataFrame({name: array[name] for name in array.dtype.fields}), target, drop, str(path))
    if array.ndim != 2:
        raise InputError(
            f"{path} holds {array.dtype} of shape {array.shape}: give rows [N, I] of inputs and target, or a .npz"
        )
    frame = pd.DataFrame(array, columns=[str(i) for i in range(array.shape[1])])
    if target is None:
        raise InputError(
            f"{path} has {array.shape[1]} columns: say which one is the target (target='-1' or --target -1: the "
            "last), or save inputs and targets as two arrays of a .npz"
        )
    if target.startswith("-") and target[1:].isdecimal():
        target = str(array.shape[1] - int(target[1:]))
    return split_target(frame, target, drop, str(path))


def _read_array(path: Path, file: Any, size: int, name: str = "") -> np.ndarray:
    """One .npy, whose header is checked first; `size` is what follows it at most, header included."""
    where = f"{path}{f' ({name})' if name else ''}"
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.hasobject:
            raise InputError(f"{where} holds Python objects, which are not read from files: save numbers or text")
        count = int(np.prod(shape, dtype=object))
        check_size(path, count * dtype.itemsize)
        if count * dtype.itemsize > size:
            raise InputError(f"{where} is truncated: {size} bytes, its header announces {shape} of {dtype}")
        content = file.read(count * dtype.itemsize)
        values = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    except InputError:
        raise
    except Exception as error:  # its header is read as Python: a damaged one fails in any way that a parser can
        raise InputError(f"{where} is no array that can be read ({' '.join(str(error).split())[:150]})") from None
    return values


def _read_npz(path: Path, target: str | None) -> Read:
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
            check_size(path, sum(one.file_size for one in members))
            for one in members:
                with archive.open(one) as file:
                    name = one.filename.removesuffix(".npy")
                    arrays[name] = _read_array(path, file, one.file_size, name)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no .npz that can be read ({' '.join(str(error).split())[:150]})") from None
    return _of_named(path, arrays, target)


def _of_named(path: Path, arrays: dict[str, np.ndarray], target: str | None) -> Read:
    there = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "no arrays"
    if target is not None:
        others = [name for name in arrays if name != target]
        if target not in arrays or len(others) != 1:
            raise InputError(f"{path} holds {there}: --target names the targets, and one other array holds the inputs")
        return Read(arrays[others[0]], arrays[target])
    lower = {name.lower(): array for name, array in arrays.items()}
    for inputs, targets in _PARTS:
        for part in (("{}", None), ("{}_train", "{}_test"), ("train_{}", "test_{}")):
            asked = [form.format(name) for form in part if form for name in (inputs, targets)]
            if all(name in lower for name in asked):
                first, second, *test = (lower[name] for name in asked)
                return Read(first, second, (test[0], test[1]) if test else None)
    raise InputError(
        f"{path} holds {there}: call them inputs and targets, or x and y (for a test part, test_inputs and "
        "test_targets beside train_inputs and train_targets), or name the targets with --target"
    )


def _read_folder(path: Path) -> Read:
    paths = find_idx_files(path, need_test=False)
    train = read_part(paths["train_inputs"], paths["train_targets"])
    test = read_part(paths["test_inputs"], paths["test_targets"]) if "test_inputs" in paths else None
    return Read(*train, test)
