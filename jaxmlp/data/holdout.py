"""Which rows are held out for the test, and how the others are arranged so that validation can be too."""

from typing import NamedTuple

import numpy as np

from jaxmlp.data.plain import at_row
from jaxmlp.data.split import split_named
from jaxmlp.errors import InputError, check_choice

HOLDOUTS = ("random", "stratified", "grouped", "time")
"""random rows; as many of every class; whole groups; or the last rows, which are the latest."""
SHARE = 0.2
LEAST_ROWS = 10
"""A table of fewer rows leaves nothing to validate or test on."""


class Parts(NamedTuple):
    """Rows of the two parts, and the validation split that treats the training rows as the test rows were treated."""

    train: np.ndarray
    test: np.ndarray
    split: str


def hold_out(
    count: int,
    how: str,
    *,
    share: float = SHARE,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Parts:
    """Choose the rows of the test part; the same ones at every call.

    Args:
        count: N.
        how: one of `HOLDOUTS`.
        share: of the rows, for the test.
        labels: int [N], for `stratified`.
        groups: int [N], for `grouped`: rows of one number stay together.

    Raises:
        InputError: too few rows or groups, or a class of a single row.
    """
    check_choice("holdout", how, HOLDOUTS)
    if not isinstance(share, int | float) or not 0 < share < 1:
        raise InputError(f"the test share is {share!r}: give a number between 0 and 1, such as 0.2")
    num_test = round(share * count)
    if count < LEAST_ROWS or not 1 <= num_test < count - 1:
        raise InputError(f"{count} rows with {share:g} of them held out for the test: give at least {LEAST_ROWS} rows")
    rng = np.random.default_rng(0)
    if how == "time":
        rows = np.arange(count)
        return Parts(rows[:-num_test], rows[-num_test:], _last(count - num_test))
    if how == "grouped":
        return _by_group(_given(groups, "groups", how), share, rng)
    if how == "stratified":
        labels = _given(labels, "classes", how)
        order = rng.permutation(count)
        by_class = order[np.argsort(labels[order], kind="stable")]
        places = ((np.arange(num_test) + 0.5) * count / num_test).astype(int)
        test = np.sort(by_class[places])
    else:
        test = np.sort(rng.permutation(count)[:num_test])
    train = np.setdiff1d(np.arange(count), test)
    return Parts(train, test, "stratified_fifth" if how == "stratified" else "random_fifth")


def arrange(count: int, how: str, groups: np.ndarray | None = None) -> tuple[np.ndarray, str]:
    """(order of the training rows, validation split) where the test part is given: no row is held out."""
    check_choice("holdout", how, HOLDOUTS)
    if how == "grouped":
        rows, _, split = _validate_groups(np.arange(count), _given(groups, "groups", how), np.random.default_rng(0))
        return rows, split
    if how == "time":
        return np.arange(count), _last(count)
    return np.arange(count), "stratified_fifth" if how == "stratified" else "random_fifth"


def check_classes(labels: np.ndarray, parts: Parts, names: tuple[str, ...], what: str) -> None:
    """Raise `InputError` where a class would be tested or validated on that is never trained on.

    Rows that `last_N` takes for validation are known here; those of a random split are each seed's own.
    """
    validated = split_named(parts.split).val_count or 0
    trained = labels[parts.train][: len(parts.train) - validated]
    absent = np.setdiff1d(labels, trained)
    if absent.size:
        label = int(absent[0])
        rows = np.flatnonzero(labels == label)
        raise InputError(
            f"{what} have class {names[label]!r} in {len(rows)} of {len(labels)} rows (the first is "
            f"{at_row(int(rows[0]), len(labels))}), all held out for validation or the test: give more rows of "
            "it, drop it, or choose another holdout"
        )


def _given(values: np.ndarray | None, what: str, how: str) -> np.ndarray:
    if values is None:
        raise InputError(f"holdout {how!r} needs {what}: give them, or choose another one of {', '.join(HOLDOUTS)}")
    return values


def _last(count: int) -> str:
    return f"last_{max(1, count // 5)}"


def _by_group(groups: np.ndarray, share: float, rng: np.random.Generator) -> Parts:
    test = _whole_groups(np.arange(len(groups)), groups, share, rng)
    train, _, split = _validate_groups(np.setdiff1d(np.arange(len(groups)), test), groups, rng)
    return Parts(train, test, split)


def _validate_groups(rows: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> Parts:
    """The same rows with the groups for validation last."""
    last = _whole_groups(rows, groups, SHARE, rng)
    return Parts(np.concatenate([np.setdiff1d(rows, last), last]), last, f"last_{len(last)}")


def _whole_groups(rows: np.ndarray, groups: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Rows of random groups, together about this share of `rows`."""
    names, sizes = np.unique(groups[rows], return_counts=True)
    if len(names) < 2:
        raise InputError(f"groups: {len(rows)} rows are left in one group: give at least three groups")
    order = rng.permutation(len(names))[:-1]  # one stays
    total = np.cumsum(sizes[order])
    taken = int(np.argmin(np.abs(total - share * len(rows)))) + 1
    return rows[np.isin(groups[rows], names[order[:taken]])]
