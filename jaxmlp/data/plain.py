"""What a user gives, as NumPy arrays: lists, NumPy, JAX, pandas; refused where that would lose or guess something."""

from typing import Any

import numpy as np

from jaxmlp.errors import InputError

FLOAT32_MAX = float(np.finfo(np.float32).max)


def at_row(row: int, count: int) -> str:
    """Where something stands, with where counting begins."""
    return f"row {row} of 0 to {count - 1}"


def is_pandas(given: Any) -> bool:
    """Whether it is one of pandas' objects; does not load pandas."""
    return type(given).__module__.partition(".")[0] == "pandas"


def is_frame(given: Any) -> bool:
    """Whether it is a DataFrame of pandas."""
    return is_pandas(given) and hasattr(given, "columns")


def missing_rows(given: Any) -> np.ndarray:
    """Numbers of the rows of a DataFrame or a column that have a value which pandas marks as missing."""
    missing = np.asarray(given.isna())
    return np.flatnonzero(missing if missing.ndim == 1 else missing.any(axis=1))


def reads_as_number(text: str) -> bool:
    """Whether a text is how a number is written."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def to_numpy(given: Any, what: str) -> np.ndarray:
    """One NumPy array of numbers, booleans or text.

    Args:
        given: nested lists, or any array.
        what: names it in errors.

    Raises:
        InputError: ragged or mixed values, missing ones, or values of a type that no net takes.
    """
    if isinstance(given, str | bytes | dict) or given is None:
        raise InputError(f"{what} are {given!r:.60}: give an array, a DataFrame or lists")
    if np.ma.isMaskedArray(given) and np.ma.getmaskarray(given).any():
        row = int(np.argwhere(np.ma.getmaskarray(given))[0][0])
        raise InputError(f"{what} have a masked (missing) value in {at_row(row, len(given))}: fill it or drop the row")
    _check_not_missing(given, what)
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise InputError(f"{what} are no array: {_ragged(given) or ' '.join(str(error).split())[:150]}") from None
    if array.dtype.kind == "V" and array.dtype.fields is None:
        array = array.astype(np.float32)  # bfloat16 and the like
    if array.dtype.kind in "OT":
        array = _of_objects(array, what)
    elif array.dtype.kind == "U" and isinstance(given, list | tuple):
        _check_all_text(given, what)
    if array.dtype.kind not in "biufU":
        raise InputError(f"{what} are {array.dtype}: give numbers, booleans or text")
    return array


def _check_not_missing(given: Any, what: str) -> None:
    """pandas marks missing values in its own ways."""
    if is_pandas(given) and (missing := missing_rows(given)).size:
        raise InputError(
            f"{what} have a missing value in {at_row(int(missing[0]), len(given))}: fill it or drop the row"
        )


def _ragged(given: Any) -> str:
    """Which rows of nested lists have unequal lengths."""
    try:
        lengths = [len(row) for row in given]
    except TypeError:
        return ""
    other = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
    return "" if other is None else f"row {other} has {lengths[other]} values, row 0 has {lengths[0]}: give equal rows"


def _of_objects(array: np.ndarray, what: str) -> np.ndarray:
    """An array of Python objects, as one of their common type."""
    if array.ndim == 0:
        raise InputError(f"{what} are {type(array.item()).__name__}: give a dense array, a DataFrame or lists")
    for i, value in enumerate(array.reshape(-1)):
        row = i // max(1, array[0].size if array.ndim > 1 else 1)
        if value is None or (isinstance(value, float) and np.isnan(value)) or type(value).__name__ == "NAType":
            raise InputError(f"{what} have a missing value ({value!r}) in {at_row(row, len(array))}: fill or drop it")
        if not isinstance(value, str | bool | int | float | np.generic):
            raise InputError(
                f"{what} hold {value!r:.40} in {at_row(row, len(array))}, of type {type(value).__name__}: "
                "give numbers, booleans or text"
            )
    kinds = {_kind(value) for value in array.reshape(-1)}
    if len(kinds) > 1:
        raise InputError(f"{what} mix {' and '.join(sorted(kinds))}: give values of one type")
    try:
        found = np.array(array.tolist())
    except (ValueError, OverflowError):
        found = array
    if found.dtype.kind == "O":
        raise InputError(f"{what} hold numbers that no 64 bits hold, such as {max(array.reshape(-1), key=abs)!r:.40}")
    return found


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    return "booleans" if isinstance(value, bool | np.bool_) else "numbers"


def _check_all_text(given: Any, what: str) -> None:
    """NumPy makes text of [1, 'a']."""
    for i, value in enumerate(given):
        if isinstance(value, list | tuple):
            _check_all_text(value, f"{what}[{i}]")
        elif not isinstance(value, str):
            raise InputError(f"{what} mix text and {value!r:.40} ({at_row(i, len(given))}): give values of one type")
