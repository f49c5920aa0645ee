"""Targets as a net takes them: classes 0 .. K-1 with their names, or float32 numbers.

Text, booleans, and integers of at most 20 distinct values (or a tenth of the rows) are classes, and so are one-hot
rows; all else are numbers. What was taken is said, and can be given.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxmlp.data.dataset import TASKS, check_finite
from jaxmlp.data.plain import FLOAT32_MAX, at_row, is_frame, to_numpy
from jaxmlp.errors import InputError, check_choice

FEW_VALUES = 20
"""Integers of at most so many distinct values are classes."""
FEW_SHARE = 10
"""Or of at most one in so many rows."""
SHOWN_CLASSES = 6


class Targets(NamedTuple):
    """Targets that were read, and how."""

    values: np.ndarray
    """int32 [N], or float32 [N] or [N, T]."""
    task: str
    class_names: tuple[str, ...]
    how: str
    """In words: what they were taken for, and why."""


def read_targets(
    given: Any, *, task: str = "auto", classes: Sequence[Any] | None = None, what: str = "targets"
) -> Targets:
    """Take targets for classes or for numbers.

    Args:
        given: [N] labels of any kind, [N, K] one-hot, or [N] or [N, T] numbers; the columns of a one-hot DataFrame
            name the classes.
        task: `classes`, `numbers`, or `auto`, the rule above.
        classes: the names of the classes in their order; by default those that occur, sorted.
        what: names them in errors.

    Raises:
        InputError: values that are not what the task asks for, fewer than two classes, or no two different numbers.

    >>> read_targets(["no", "yes", "no"]).class_names
    ('no', 'yes')
    """
    check_choice("task", task, ("auto", *TASKS))
    values = to_numpy(given, what)
    if classes is None and is_frame(given) and values.ndim == 2 and task != "numbers" and _is_one_hot(values):
        classes = [str(name) for name in given.columns]
    if not values.size:
        raise InputError(f"{what} are empty (shape {values.shape}): give one for every row")
    values = _flat(values)
    if values.ndim not in (1, 2):
        raise InputError(f"{what} have shape {values.shape}: give [N], or [N, K] one-hot, or [N, T] numbers")
    if values.dtype.kind == "f":
        check_finite(values, what)
    if values.ndim == 2:
        return _of_rows(values, task, classes, what)
    if task == "numbers" or (task == "auto" and classes is None and not _like_classes(values)):
        return _numbers(values, what)
    return _classes(values, classes, what)


def match_targets(given: Any, like: Targets, *, what: str = "test targets") -> np.ndarray:
    """Targets of another part, read as the first part's were.

    Raises:
        InputError: as `read_targets`, or a class that the first part does not have.
    """
    if like.task == "numbers":
        values = read_numbers(given, what)
        if values.shape[1:] != like.values.shape[1:]:
            raise InputError(f"{what} have shape {values.shape}, the training part's {like.values.shape}")
        return values
    values = to_numpy(given, what)
    if values.ndim == 2 and values.shape[1] == len(like.class_names) and _is_one_hot(values):
        return np.argmax(values, axis=1).astype(np.int32)
    return _classes(_flat(values), like.class_names, what).values


def read_numbers(given: Any, what: str) -> np.ndarray:
    """float32 [N] or [N, T]; raises `InputError` as `read_targets`."""
    values = to_numpy(given, what)
    values = _flat(values)
    if values.dtype.kind == "U":
        raise InputError(
            f"{what} are text, such as {str(values.reshape(-1)[0])!r:.40}: give numbers, or task='classes'"
        )
    return float32(values, what)


def float32(values: np.ndarray, what: str) -> np.ndarray:
    """The same numbers as float32; raises `InputError` for NaN, infinity, and what float32 cannot hold."""
    check_finite(values, what)
    large = np.argwhere(np.abs(values.astype(np.float64)) > FLOAT32_MAX)
    if large.size:
        place = tuple(int(i) for i in large[0])
        raise InputError(
            f"{what}[{', '.join(map(str, place))}] is {values[place]:g}: float32 holds up to 3.4e38: scale it"
        )
    return np.ascontiguousarray(values, np.float32)


def _flat(values: np.ndarray) -> np.ndarray:
    """One column as a vector."""
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _like_classes(values: np.ndarray) -> bool:
    if values.dtype.kind in "Ub":
        return True
    return values.dtype.kind in "iu" and len(np.unique(values)) <= max(FEW_VALUES, len(values) / FEW_SHARE)


def _is_one_hot(values: np.ndarray) -> bool:
    if values.dtype.kind not in "biuf" or values.shape[1] < 2:
        return False
    return bool(np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all())


def _of_rows(values: np.ndarray, task: str, classes: Sequence[Any] | None, what: str) -> Targets:
    """Targets [N, K] or [N, T]."""
    if values.dtype.kind == "U":
        raise InputError(f"{what} have shape {values.shape} of text: give one label for every row, [N]")
    if task != "numbers" and _is_one_hot(values):
        names = classes if classes is not None else range(values.shape[1])
        found = _classes(np.argmax(values, axis=1), names, what)
        return found._replace(how=f"{found.how}, one-hot rows")
    if task == "classes" or classes is not None or (task == "auto" and np.isin(values, (0, 1)).all()):
        odd = np.flatnonzero(~np.isin(values, (0, 1)).all(axis=1) | (values.sum(axis=1) != 1))
        row = int(odd[0]) if odd.size else 0
        raise InputError(
            f"{what} have shape {values.shape} and are not one-hot: {at_row(row, len(values))} is "
            f"{values[row].tolist()!s:.60}: give one label for every row, or task='numbers'"
        )
    return _numbers(values, what)


def _numbers(values: np.ndarray, what: str) -> Targets:
    numbers = read_numbers(values, what)
    flat = numbers.reshape(len(numbers), -1)
    constant = np.flatnonzero((flat == flat[:1]).all(axis=0))
    if constant.size:
        raise InputError(
            f"{what} are all {flat[0, constant[0]]:g}{f' in column {constant[0]}' if numbers.ndim == 2 else ''}: "
            "there is nothing to learn"
        )
    count = "a number" if numbers.ndim == 1 else f"{numbers.shape[1]} numbers"
    low, high = float(flat.min()), float(flat.max())
    hint = "; task='classes' takes them for classes" if _could_be_classes(values) else ""
    return Targets(numbers, "numbers", (), f"{count} from {low:g} to {high:g} to predict{hint}")


def _could_be_classes(values: np.ndarray) -> bool:
    return values.ndim == 1 and len(np.unique(values)) <= FEW_VALUES and bool((values == np.rint(values)).all())


def _classes(values: np.ndarray, classes: Sequence[Any] | None, what: str) -> Targets:
    if values.ndim != 1:
        raise InputError(f"{what} have shape {values.shape}: give one label for every row, [N]")
    if values.dtype.kind == "f":
        fraction = np.flatnonzero(~(np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)))
        if fraction.size:
            row = int(fraction[0])
            raise InputError(
                f"{what} have {values[row]} in {at_row(row, len(values))}: classes are integers, text or booleans, "
                "or give task='numbers'"
            )
        values = values.astype(np.int64)
    empty = np.flatnonzero(values == "") if values.dtype.kind == "U" else np.array([])
    if empty.size:
        raise InputError(f"{what} have an empty text in {at_row(int(empty[0]), len(values))}: fill it or drop the row")
    labels, names = _named(values, classes, what)
    if len(names) < 2:
        raise InputError(f"{what} have one class, {''.join(names)!r}, in all {len(values)} rows: give at least two")
    if classes is None and len(names) == len(values) > FEW_VALUES:
        raise InputError(f"{what} have another class in each of {len(values)} rows: give labels that repeat")
    shown = ", ".join(names[:SHOWN_CLASSES]) + (", ..." if len(names) > SHOWN_CLASSES else "")
    return Targets(labels.astype(np.int32), "classes", names, f"{len(names)} classes ({shown})")


def _named(values: np.ndarray, classes: Sequence[Any] | None, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """(labels [N] from 0, names of the classes)."""
    distinct, labels = np.unique(values, return_inverse=True)
    own = [str(name) for name in distinct]
    if classes is None:
        return labels, tuple(own)
    names = tuple(str(name) for name in classes)
    if len(set(names)) < len(names) or len(names) < 2:
        raise InputError(f"classes are {', '.join(names)!r:.80}: give at least two different names")
    place = {name: i for i, name in enumerate(names)}
    if not all(name in place for name in own) and values.dtype.kind in "iu":
        place = {str(i): i for i in range(len(names))}
    unknown = next((name for name in own if name not in place), None)
    if unknown is not None:
        row = int(np.flatnonzero(labels == own.index(unknown))[0])
        known = ", ".join(names[:SHOWN_CLASSES]) + (", ..." if len(names) > SHOWN_CLASSES else "")
        raise InputError(f"{what} have {unknown!r:.40} in {at_row(row, len(values))}: the classes are {known}")
    return np.array([place[name] for name in own])[labels], names
