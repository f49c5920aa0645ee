"""Where images come from, how they are split and preprocessed; ends as arrays for the device."""

from jaxmlp.data.cache import cache_folder
from jaxmlp.data.dataset import DATASETS, Dataset, load
from jaxmlp.data.preprocessing import PREPROCESSINGS, Preprocessing, check_preprocessing
from jaxmlp.data.split import SPLITS, split_indices, split_sizes

__all__ = [
    "DATASETS",
    "PREPROCESSINGS",
    "SPLITS",
    "Dataset",
    "Preprocessing",
    "cache_folder",
    "check_preprocessing",
    "load",
    "split_indices",
    "split_sizes",
]
