from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own, empty cache folder for every test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("JAXMLP_CACHE", str(folder))
    return folder
