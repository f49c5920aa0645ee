"""Every test has a cache folder of its own; real MNIST is where JAXMLP_MNIST_DIR says, or its tests skip."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own, empty cache folder for every test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("JAXMLP_CACHE", str(folder))
    return folder


@pytest.fixture
def mnist_dir() -> Path:
    """Folder of the four IDX files of real MNIST."""
    folder = os.environ.get("JAXMLP_MNIST_DIR")
    if not folder:
        pytest.skip("real MNIST is not at hand: set JAXMLP_MNIST_DIR to a folder of its four IDX files")
    return Path(folder)
