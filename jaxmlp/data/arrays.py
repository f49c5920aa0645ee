"""`from_arrays`: a data set of the user's own, from NumPy, JAX, pandas or lists."""

from collections.abc import Sequence
from numbers import Real
from typing import Any, cast

import numpy as np

from jaxmlp.data.dataset import Dataset
from jaxmlp.data.holdout import SHARE, Parts, arrange, check_classes, hold_out
from jaxmlp.data.inputs import Inputs, read_inputs
from jaxmlp.data.plain import is_frame, to_numpy
from jaxmlp.data.targets import Targets, match_targets, read_targets
from jaxmlp.errors import InputError, check_type, shown


def from_arrays(
    inputs: Any,
    targets: Any,
    *,
    task: str = "auto",
    test: Any = None,
    classes: Sequence[Any] | None = None,
    name: str = "arrays",
    holdout: str | None = None,
    groups: Any = None,
    text: str = "refuse",
) -> Dataset:
    """A data set from arrays, lists or a DataFrame; `found` of the result says how they were read.

    Args:
        inputs: rows [N, I] or images [N, H, W], of any numbers; a DataFrame's columns are its inputs.
        targets: [N] labels (integers, text or booleans), [N, K] one-hot, or numbers [N] or [N, T].
        task: `classes`, `numbers`, or `auto`: text, booleans, and integers of at most 20 distinct values or a tenth
            of the rows are classes, all else are numbers.
        test: None holds a fifth of the rows out; a share, such as 0.3, holds out that; or a pair (inputs, targets).
        classes: names of the classes in their order; by default those that occur, sorted.
        name: of the data set, in results and errors.
        holdout: one of `HOLDOUTS`; default: by class where there are classes, by group where groups are given.
        groups: [N], or the name of a column: rows of one value stay in one part. Such a column is no input.
        text: one of `TEXTS`: whether text columns are refused or become one input for each value.

    Returns:
        The set on the host. `split` and `preprocessing` of it say what suits it in a `DataSpec`.

    Raises:
        InputError: what cannot be trained on; it says what was found where, and what is accepted.

    >>> import numpy as np
    >>> mine = from_arrays(np.arange(40.0).reshape(20, 2), ["no", "yes"] * 10)
    >>> mine.class_names, mine.train_inputs.shape, mine.test_inputs.shape
    (('no', 'yes'), (16, 2), (4, 2))
    """
    _check_name(name)
    _check_options(task, test, classes, holdout, text)
    inputs, groups = _take_groups(inputs, groups)
    read = read_inputs(inputs, text=text)
    wanted = read_targets(targets, task=task, classes=classes)
    _check_lengths(len(read.rows), len(wanted.values), "inputs", "targets")
    numbers = None if groups is None else _numbered(groups, len(read.rows))
    how = holdout or ("grouped" if groups is not None else "stratified" if wanted.task == "classes" else "random")
    if isinstance(test, tuple | list):
        return _with_test(read, wanted, test, name=name, how=how, groups=numbers)
    labels = wanted.values if wanted.task == "classes" else None
    parts = hold_out(len(read.rows), how, share=SHARE if test is None else test, labels=labels, groups=numbers)
    test_part = read._replace(rows=read.rows[parts.test]), wanted.values[parts.test]
    told = f"the last {len(parts.test)} held out" if how == "time" else f"{len(parts.test)} held out ({how})"
    return _dataset(read, wanted, parts, test_part, name, told)


def _with_test(
    read: Inputs, wanted: Targets, test: Sequence[Any], *, name: str, how: str, groups: np.ndarray | None
) -> Dataset:
    if len(test) != 2:
        raise InputError(f"test has {len(test)} parts: give a pair (inputs, targets), a share such as 0.2, or None")
    test_read = read_inputs(test[0], what="test inputs", like=read)
    test_targets = match_targets(test[1], wanted)
    _check_lengths(len(test_read.rows), len(test_targets), "test inputs", "test targets")
    order, split = arrange(len(read.rows), how, groups)
    parts = Parts(order, np.arange(len(test_targets)), split)
    return _dataset(read, wanted, parts, (test_read, test_targets), name, f"{len(test_targets)} given")


def _dataset(
    read: Inputs, wanted: Targets, parts: Parts, test: tuple[Inputs, np.ndarray], name: str, told: str
) -> Dataset:
    if wanted.task == "classes":
        check_classes(wanted.values, parts, wanted.class_names, "targets")
    arrays = {
        "train_inputs": read.rows[parts.train],
        "train_targets": wanted.values[parts.train],
        "test_inputs": test[0].rows.copy(),  # a user's own arrays are neither frozen nor kept
        "test_targets": test[1].copy(),
    }
    for array in arrays.values():
        array.setflags(write=False)
    # To the type checker they are the arrays that they become on a device.
    dataset = Dataset(
        **cast(dict[str, Any], arrays),
        name=name,
        num_classes=len(wanted.class_names),
        image_shape=read.image_shape,
        class_names=wanted.class_names,
        columns=read.columns,
        split=parts.split,
    )
    found = (
        f"{name}: {len(parts.train)} rows to train and {told} for the test, {read.how}, {wanted.how}; "
        f"preprocessing {dataset.preprocessing} unless another is asked for, such as "
        f"{'standardize' if dataset.preprocessing == 'unit' else 'z_score'}"
    )
    return dataset.replace(found=found)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InputError(f"the name is {name!r}: give a text such as 'iris'")


def _check_options(task: object, test: object, classes: object, holdout: object, text: object) -> None:
    """Raise `InputError` where an option is of a type that it never has."""
    for what, given in (("task", task), ("text", text)):
        check_type(what, given, str, "a name")
    check_type("holdout", holdout, (str, type(None)), "a name, or leave it out")
    check_type("test", test, (Real, tuple, list, type(None)), "a share such as 0.2, or a pair (inputs, targets)")
    listed = classes is None or (isinstance(classes, Sequence | np.ndarray) and not isinstance(classes, str | bytes))
    if not listed or (isinstance(classes, np.ndarray) and classes.ndim != 1):
        raise InputError(f"classes are {shown(classes)}: give a list of names")


def _check_lengths(count: int, other: int, what: str, other_what: str) -> None:
    if count != other:
        raise InputError(f"{what} have {count} rows, {other_what} {other}: give one target for every row")


def _take_groups(inputs: Any, groups: Any) -> tuple[Any, Any]:
    """(inputs, groups), where a column's name is that column, taken out of the inputs."""
    if not isinstance(groups, str):
        return inputs, groups
    if not is_frame(inputs) or groups not in inputs.columns:
        there = ", ".join(map(str, inputs.columns)) if is_frame(inputs) else "inputs are no DataFrame"
        raise InputError(f"groups {groups!r} is no column of the inputs ({there:.200}): give its name, or the values")
    return inputs.drop(columns=groups), inputs[groups]


def _numbered(groups: Any, count: int) -> np.ndarray:
    values = to_numpy(groups, "groups")
    if values.ndim != 1 or len(values) != count:
        raise InputError(f"groups have shape {values.shape}: give one for each of {count} rows")
    return np.unique(values, return_inverse=True)[1]
