"""scikit-learn's small tables by name, offline: three of classes and one of numbers."""

from collections.abc import Callable
from typing import Any

from jaxmlp.data.arrays import from_arrays
from jaxmlp.data.dataset import Dataset

SMALL_TABLES = ("iris", "wine", "breast_cancer", "diabetes")


def small_table(name: str) -> Dataset:
    """One of `SMALL_TABLES`; a fifth of its rows is held out for the test, always the same ones."""
    import pandas as pd
    from sklearn import datasets  # it takes longer than loading any other set from the cache

    load: Callable[[], Any] = getattr(datasets, f"load_{name}")
    table = load()
    inputs = pd.DataFrame(table.data, columns=[str(column) for column in table.feature_names])
    return from_arrays(inputs, table.target, classes=getattr(table, "target_names", None), name=name)
