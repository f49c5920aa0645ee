"""Death, races and shortages lose nothing; `python -m experiments benchmark faults` goes through all their moments."""

import json
import os
import subprocess
import sys

import pytest

from tests.fuzz.some_trials import TRIALS

CARELESS = [name for name in TRIALS if name.startswith("careless")]


def tried(name, folder):
    folder.mkdir()
    line = [sys.executable, "-m", "tests.fuzz.some_trials", os.environ["JAXMLP_TEST_COMPILED"], str(folder), name]
    environment = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    ended = subprocess.run(line, capture_output=True, text=True, timeout=500, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.long
@pytest.mark.parametrize("name", CARELESS)
def test_a_trial_finds_who_writes_carelessly(tmp_path, name):
    outcome = tried(name, tmp_path / "trial")
    assert outcome["tries"] == 3
    assert outcome["num_faults"] > 0


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in TRIALS if name not in CARELESS])
def test_whatever_happens_nothing_is_lost_and_nothing_left(tmp_path, name):
    outcome = tried(name, tmp_path / "trial")
    assert outcome["tries"] >= 3
    assert outcome["faults"] == []
