"""IDX files for tests, written from the format's description and not with the package's own names."""

import gzip
import struct
from pathlib import Path

import numpy as np

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_bytes(values: np.ndarray) -> bytes:
    """One IDX file of uint8 values."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def random_set(num_train: int = 30, num_test: int = 10, seed: int = 0) -> dict[str, np.ndarray]:
    """File name -> values of a small set of random images."""
    rng = np.random.default_rng(seed)
    sizes = (num_train, num_train, num_test, num_test)
    return {
        name: rng.integers(0, 256, (n, 28, 28)) if "images" in name else rng.integers(0, 10, n)
        for name, n in zip(NAMES, sizes, strict=True)
    }


def write_set(folder: Path, values: dict[str, np.ndarray], *, gz: bool = True) -> Path:
    """Write a set as four IDX files, gzip-compressed or plain; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in values.items():
        content = idx_bytes(array)
        (folder / (f"{name}.gz" if gz else name)).write_bytes(gzip.compress(content, 1) if gz else content)
    return folder
