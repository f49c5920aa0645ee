"""Where commands of the experiments run."""

import pytest

from tests.experiments.lab.lines import make_light


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty current folder and an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXMLP_CACHE", str(tmp_path / "cache"))
    make_light(monkeypatch)
    return tmp_path
