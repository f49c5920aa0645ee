"""Where inputs come from, how they are split and preprocessed; ends as arrays for the device."""

from jaxmlp.data.arrays import from_arrays
from jaxmlp.data.cache import cache_folder
from jaxmlp.data.dataset import TASKS, Dataset, check_dataset
from jaxmlp.data.files import read_array, read_table
from jaxmlp.data.holdout import HOLDOUTS
from jaxmlp.data.inputs import TEXTS, encode_columns
from jaxmlp.data.loading import DATASETS, load
from jaxmlp.data.preprocessing import PREPROCESSINGS, Preprocessing, check_preprocessing
from jaxmlp.data.split import SPLITS, split_indices, split_named, split_sizes

__all__ = [
    "DATASETS",
    "HOLDOUTS",
    "PREPROCESSINGS",
    "SPLITS",
    "TASKS",
    "TEXTS",
    "Dataset",
    "Preprocessing",
    "cache_folder",
    "check_dataset",
    "check_preprocessing",
    "encode_columns",
    "from_arrays",
    "load",
    "read_array",
    "read_table",
    "split_indices",
    "split_named",
    "split_sizes",
]
