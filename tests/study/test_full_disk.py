"""A disk that is full at any file of a study loses nothing: when there is room again, one resume gives equal rows."""

import subprocess
import sys

import pytest


@pytest.mark.long
def test_a_study_goes_on_when_there_is_room_again(tmp_path):
    line = [sys.executable, "-m", "tests.study.full_disk_trial", str(tmp_path / "study")]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "the rows are the same" in ended.stdout
