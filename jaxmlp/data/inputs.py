"""Inputs as a net takes them: flat rows, uint8 for images of bytes and float32 for everything else.

A table's columns are the inputs. A text column is refused, or becomes one input of 0 or 1 for each of its values: the
column `colour` becomes `colour=blue` and `colour=red`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxmlp.data.dataset import check_finite
from jaxmlp.data.plain import at_row, is_frame, missing_rows, reads_as_number, to_numpy
from jaxmlp.data.targets import float32
from jaxmlp.errors import InputError, check_choice

TEXTS = ("refuse", "one_hot")
"""What becomes of text columns."""
MOST_VALUES = 100
"""A text column of more distinct values is a name or an identifier, and is refused."""


class Inputs(NamedTuple):
    """Inputs that were read, and how."""

    rows: np.ndarray
    """[N, I], uint8 or float32."""
    image_shape: tuple[int, ...]
    columns: tuple[str, ...]
    how: str
    """In words: what a row is."""


def read_inputs(given: Any, *, text: str = "refuse", what: str = "inputs", like: Inputs | None = None) -> Inputs:
    """Take inputs for a table or for images.

    Args:
        given: [N, I], images [N, H, W], or a DataFrame.
        text: one of `TEXTS`.
        what: names them in errors.
        like: the inputs of another part, whose shape, type and columns these must have.

    Raises:
        InputError: another rank, no rows, values that are missing, NaN, infinite or no numbers, or unlike `like`.

    >>> read_inputs([[0.5, 2], [1, 3]]).rows.dtype
    dtype('float32')
    """
    check_choice("text", text, TEXTS)
    if is_frame(given):
        columns = like.columns if like is not None and like.columns else plan_columns(given, text, what)
        found = Inputs(encode_columns(given, columns, what), (), columns, f"{len(columns)} inputs")
    else:
        found = _of_array(to_numpy(given, what), what)
    return found if like is None else _alike(found, like, what)


def _of_array(values: np.ndarray, what: str) -> Inputs:
    if values.ndim not in (2, 3):
        hint = "; one input a row is [N, 1]" if values.ndim == 1 else ""
        raise InputError(f"{what} have shape {values.shape}: give rows [N, I] or images [N, H, W]{hint}")
    if not values.size:
        raise InputError(f"{what} are empty (shape {values.shape}): give at least one row and one input")
    if values.dtype.kind == "U":
        raise InputError(f"{what} are text, such as {str(values.reshape(-1)[0])!r:.40}: give numbers, or a DataFrame")
    shape = values.shape[1:] if values.ndim == 3 else ()
    rows = values.reshape(len(values), -1)
    if values.dtype != np.uint8:
        check_finite(values, what)
        rows = rows.astype(np.uint8) if shape and _is_bytes(values) else float32(rows, what)
    kind = "whole numbers 0 to 255" if rows.dtype == np.uint8 else "float32"
    size = f"images of {shape[0]} × {shape[1]}" if shape else f"{rows.shape[1]} inputs"
    return Inputs(np.ascontiguousarray(rows), shape, (), f"{size} ({kind})" if shape or kind != "float32" else size)


def _is_bytes(values: np.ndarray) -> bool:
    """Whether integers are those of a picture."""
    return values.dtype.kind in "iu" and values.min() >= 0 and 1 < values.max() <= 255


def _alike(found: Inputs, like: Inputs, what: str) -> Inputs:
    """Another part's inputs, in the type of the first's; raises `InputError` where they are of another shape."""
    if found.rows.shape[1] != like.rows.shape[1] or found.image_shape != like.image_shape:
        raise InputError(f"{what} are {found.how}, the training part's {like.how}: give both parts the same inputs")
    if found.rows.dtype == like.rows.dtype:
        return found
    if like.rows.dtype == np.uint8 and np.array_equal(found.rows, found.rows.astype(np.uint8)):
        return found._replace(rows=found.rows.astype(np.uint8))
    if like.rows.dtype == np.float32 and found.image_shape:
        return found._replace(rows=found.rows.astype(np.float32))
    raise InputError(
        f"{what} are {found.rows.dtype}, the training part's are {like.rows.dtype}: give both parts the same type"
    )


def plan_columns(frame: Any, text: str = "refuse", what: str = "inputs") -> tuple[str, ...]:
    """The inputs that a table gives: its columns of numbers, and for a text column `column=value` for each value.

    Raises:
        InputError: a column named twice or not at all, or one of text, dates or other objects that is not wanted.
    """
    names = [str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{what} have two columns {twice!r}: give each a name of its own")
    if not names or not len(frame):
        raise InputError(f"{what} have {len(frame)} rows and {len(names)} columns: give at least one of each")
    planned: list[str] = []
    for i, name in enumerate(names):
        planned += _plan(name, frame.iloc[:, i], text, what)
    return tuple(planned)


def _plan(name: str, column: Any, text: str, what: str) -> list[str]:
    _check_whole(name, column, what)
    values = to_numpy_column(name, column, what)
    if values.dtype.kind != "U":
        return [name]
    distinct = np.unique(values)
    odd = _not_a_number(values)
    if odd is not None:
        raise InputError(
            f"{what}: column {name!r} is of numbers, but {at_row(odd, len(values))} is {str(values[odd])!r:.40}: "
            "correct it, or drop the row or the column"
        )
    if (comma := _with_comma(values)) is not None:
        raise InputError(
            f"{what}: column {name!r} has numbers with commas ({str(values[comma])!r:.40} in "
            f"{at_row(comma, len(values))}): write them with a point, or drop the column"
        )
    if text == "refuse":
        raise InputError(
            f"{what}: column {name!r} is text ({str(values[0])!r:.40} in {at_row(0, len(values))}): drop it (--drop), "
            "or take text as one input for each value (text='one_hot', --text one_hot)"
        )
    if len(distinct) > MOST_VALUES:
        raise InputError(
            f"{what}: column {name!r} has {len(distinct)} distinct texts, more than {MOST_VALUES}: drop the column"
        )
    return [f"{name}={value}" for value in distinct]


def encode_columns(frame: Any, columns: Sequence[str], what: str = "inputs") -> np.ndarray:
    """Turn a table's rows into float32 [N, I], with the columns that `plan_columns` names, in their order.

    Raises:
        InputError: a column that is not there, a text that none of `columns` stands for, or no finite numbers.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"size": [1, 2], "colour": ["red", "blue"]})
    >>> columns = plan_columns(frame, text="columns")
    >>> columns, encode_columns(frame, columns).tolist()
    (('size', 'colour=blue', 'colour=red'), [[1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    """
    there = {str(name): i for i, name in enumerate(frame.columns)}
    rows = np.empty((len(frame), len(columns)), np.float32)
    read: dict[str, np.ndarray] = {}
    for place, wanted in enumerate(columns):
        name, value = _source(wanted, there, what)
        if name not in read:
            column = frame.iloc[:, there[name]]
            _check_whole(name, column, what)
            read[name] = to_numpy_column(name, column, what)
            if value is not None:
                _check_known(name, read[name], columns, what)
        rows[:, place] = read[name].astype(str) == value if value is not None else _numbers_of(name, read[name], what)
    return rows


def _source(wanted: str, there: dict[str, int], what: str) -> tuple[str, str | None]:
    """(column, value) that an input comes from; value None where it is the column itself."""
    if wanted in there:
        return wanted, None
    parts = wanted.split("=")
    for i in range(1, len(parts)):
        if (name := "=".join(parts[:i])) in there:
            return name, "=".join(parts[i:])
    raise InputError(f"{what} have no column {wanted.partition('=')[0]!r}: there are {', '.join(there)!s:.200}")


def _check_known(name: str, values: np.ndarray, columns: Sequence[str], what: str) -> None:
    known = {one.removeprefix(f"{name}=") for one in columns if one.startswith(f"{name}=")}
    odd = np.flatnonzero(~np.isin(values.astype(str), sorted(known)))
    if odd.size:
        row = int(odd[0])
        raise InputError(
            f"{what}: column {name!r} has {str(values[row])!r:.40} in {at_row(row, len(values))}: in training it had "
            f"{', '.join(sorted(known))!s:.100}"
        )


def _numbers_of(name: str, values: np.ndarray, what: str) -> np.ndarray:
    if values.dtype.kind == "U":
        raise InputError(f"{what}: column {name!r} is text ({str(values[0])!r:.40}): in training it was numbers")
    finite = np.isfinite(values)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise InputError(f"{what}: column {name!r} is {values[row]} in {at_row(row, len(values))}: give finite numbers")
    return float32(values, f"{what} {name!r}")


def _check_whole(name: str, column: Any, what: str) -> None:
    """Raise `InputError` that names the first missing value of a column."""
    missing = missing_rows(column)
    if missing.size:
        raise InputError(
            f"{what}: column {name!r} has {missing.size} missing of {len(column)} values, the first in "
            f"{at_row(int(missing[0]), len(column))}: fill them, or drop these rows or the column"
        )


def to_numpy_column(name: str, column: Any, what: str) -> np.ndarray:
    """A whole column as numbers, booleans or text; raises `InputError` for dates and other objects."""
    kind = getattr(column.dtype, "kind", "O")
    if kind in "mMc":
        raise InputError(f"{what}: column {name!r} is of type {column.dtype}: make numbers or text of it")
    return to_numpy(column, f"{what}: column {name!r} values")


def _not_a_number(values: np.ndarray) -> int | None:
    """The first row that is no number, in a column of text where most values are numbers."""
    is_number = np.array([reads_as_number(value) for value in values])
    return int(np.flatnonzero(~is_number)[0]) if is_number.mean() > 0.5 and not is_number.all() else None


def _with_comma(values: np.ndarray) -> int | None:
    """The first row with a comma, in a column of numbers with commas, for points or between thousands."""
    commas = np.flatnonzero(np.char.find(values, ",") >= 0)
    if not commas.size or not all(reads_as_number(v) or reads_as_number(v.replace(",", "")) for v in map(str, values)):
        return None
    return int(commas[0])
