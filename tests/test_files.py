"""Files are whole or not there."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from jaxmlp.files import write_json, write_rows, write_text, write_whole


def test_a_failure_while_writing_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def breaks(temporary):
        temporary.write_text("half of the n")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, breaks)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    seen = []

    def slowly(temporary):
        temporary.write_text("half")
        seen.append(path.read_text())
        temporary.write_text("whole")

    write_whole(path, slowly)
    assert seen == ["old"]
    assert path.read_text() == "whole"


def test_json_and_rows_come_back(tmp_path):
    write_json(tmp_path / "a.json", {"claim": "C-001", "n": 3, "effect": None, "text": "±2 °"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["text"] == "±2 °"
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", {"effect": float("nan")})
    rows = pd.DataFrame({"arm": ["a", "b"], "loss": [1.5, float("nan")]})
    write_rows(tmp_path / "rows.parquet", rows)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "rows.parquet"), rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "rows.parquet"]


KILLED = """
import os, signal, sys
from pathlib import Path
from jaxmlp.files import write_whole

def dies(temporary):
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

write_whole(Path(sys.argv[1]), dies)
"""


def test_what_a_killed_writer_left_goes_when_the_file_is_written_again(tmp_path):
    path = tmp_path / "a.txt"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode < 0
    others = [tmp_path / ".b.txt.abcdefgh", tmp_path / ".a.txt.short"]
    for other in others:
        other.touch()
    (left,) = set(tmp_path.iterdir()) - {*others}
    assert left.read_text() == "half"
    write_text(path, "whole")
    assert {*tmp_path.iterdir()} == {path, *others}


def test_two_writers_of_one_file_do_not_take_each_other_for_dead(tmp_path):
    path = tmp_path / "a.txt"

    def meanwhile(temporary):
        temporary.write_text("first")
        write_text(path, "second")
        assert path.read_text() == "second"

    write_whole(path, meanwhile)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_one_file_do_not_take_each_other_for_dead(tmp_path):
    def write(text):
        for _ in range(50):
            write_text(tmp_path / "one.txt", text)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, "abcdefgh"))
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt"]
    assert (tmp_path / "one.txt").read_text(encoding="utf-8") in "abcdefgh"
