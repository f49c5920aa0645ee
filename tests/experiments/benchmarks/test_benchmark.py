"""Benchmarks measure what they say: cold before warm, in the same folder; the child's parts are the whole."""

import json
import os
import subprocess
import sys

import pytest

from experiments.benchmarks import running
from experiments.lab.documents.d0 import HIDDEN_WIDTHS
from jaxmlp.files import DamagedFileError
from jaxmlp.study.processor import describe_processor


def test_every_cold_start_has_a_new_folder_and_every_warm_one_the_folder_of_its_cold_one():
    seen = []

    def first_step(layers, cache):
        seen.append((layers, cache, len(os.listdir(cache))))
        open(os.path.join(cache, str(len(seen))), "w").close()
        return {"after_import": float(len(seen))}

    measured = running.startup(2, first_step)
    assert [(layers, files) for layers, _, files in seen] == [(str(n), k) for n in HIDDEN_WIDTHS for k in (0, 1)] * 2
    folders = [cache for _, cache, _ in seen]
    assert folders[::2] == folders[1::2]
    assert len(set(folders)) == 6
    assert measured["5"] == {"cold": [{"after_import": 1.0}, {"after_import": 7.0}],
                             "warm": [{"after_import": 2.0}, {"after_import": 8.0}]}  # fmt: skip


@pytest.mark.long
def test_a_process_says_how_its_seconds_add_up(tmp_path):
    command = [sys.executable, "-m", "experiments.benchmarks.first_step", "5", str(tmp_path)]
    seconds = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    parts = [seconds[part] for part in ("data", "programs", "first_step")]
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(seconds["after_import"])
    assert list(tmp_path.iterdir())


def test_the_published_file_and_its_table(tmp_path, monkeypatch):
    sample = [{"programs": 3.0, "after_import": s} for s in (4.0, 9.0, 5.0)]
    monkeypatch.setattr(running, "PUBLISHED_BENCHMARKS", tmp_path)
    monkeypatch.setitem(
        running.BENCHMARKS,
        "startup",
        running.Benchmark(lambda n: {"5": {"cold": sample[:n], "warm": sample}}, running.startup_table),
    )
    path = running.run_benchmark("startup", rounds=2, command="the command")
    assert json.loads(path.read_text(encoding="utf-8"))["measured"]["5"]["cold"] == sample[:2]
    table = running.published_table("startup")
    assert "| 5 | 3.0 s (3.0 to 3.0) | 6.5 s (4.0 to 9.0) | 5.0 s (4.0 to 9.0) | 3 |" in table
    assert "the command" in table
    assert describe_processor()["name"] in table
    path.write_text(path.read_text(encoding="utf-8").replace("9.0", "8.0"), encoding="utf-8")
    with pytest.raises(DamagedFileError, match=r"startup\.json is damaged"):
        running.published_table("startup")
