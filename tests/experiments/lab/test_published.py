"""What is published is read as it was published, or named."""

import json
import shutil

import pandas as pd
import pytest

from experiments.lab import published
from experiments.lab.published import (
    CHECKSUMS_FILE,
    publish_studies,
    published_folder,
    published_verdicts,
    rebuild_reports,
    rejudge_published,
)
from jaxmlp.errors import InputError
from jaxmlp.files import DamagedFileError, write_rows

XOR = published.PUBLISHED / "xor"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A place where one study is published, as before there were checksums."""
    monkeypatch.setattr("experiments.lab.published.PUBLISHED", tmp_path / "published")
    shutil.copytree(XOR, tmp_path / "published" / "xor", ignore=shutil.ignore_patterns(CHECKSUMS_FILE))
    return tmp_path / "published"


def changed(path):
    """The file with a bit of it another one."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["verdicts.json", "beside.json", "results.parquet", "manifest.json"])
def test_a_file_that_has_changed_since_is_named(home, name):
    published_folder("xor")  # without checksums there is nothing to compare with
    rejudge_published()
    published_folder("xor")
    changed(home / "xor" / name)
    with pytest.raises(DamagedFileError, match=f"xor/{name} is damaged"):
        published_verdicts()
    with pytest.raises(DamagedFileError, match=f"xor/{name} is damaged"):
        rebuild_reports(home.parent / "out")


def test_judging_anew_renews_verdicts_that_were_changed_and_refuses_changed_runs(home):
    rejudge_published()
    before = published_verdicts()
    changed(home / "xor" / "verdicts.json")
    rejudge_published()
    assert published_verdicts() == before
    changed(home / "xor" / "results.parquet")
    with pytest.raises(DamagedFileError, match=r"xor/results\.parquet is damaged"):
        rejudge_published()


def test_a_publish_that_was_stopped_is_noticed_and_repeated(home, tmp_path):
    out = shutil.copytree(home / "xor", tmp_path / "out" / "xor")
    rows = pd.read_parquet(out / "results.parquet")
    write_rows(home / "xor" / "results.parquet", rows[rows["seed"] < 50])
    rejudge_published()
    shutil.copyfile(out / "results.parquet", home / "xor" / "results.parquet")  # and no further
    with pytest.raises(DamagedFileError, match="repeat that"):
        published_verdicts()
    publish_studies(out.parent)
    assert published_verdicts()["C-312"]["n"] == 100


def test_a_study_is_judged_before_it_is_published(home, tmp_path):
    """One that was resumed, and stopped before it was judged, has the verdicts of before, or none."""
    out = shutil.copytree(home / "xor", tmp_path / "out" / "xor")
    whole = json.loads((out / "verdicts.json").read_text(encoding="utf-8"))
    for content in (None, "[]"):
        (out / "verdicts.json").unlink()
        if content is not None:
            (out / "verdicts.json").write_text(content)
        publish_studies(out.parent)
        assert json.loads((home / "xor" / "verdicts.json").read_text(encoding="utf-8")) == whole


def test_a_study_in_the_midst_of_training_is_not_published(home, tmp_path):
    out = shutil.copytree(home / "xor", tmp_path / "out" / "xor")
    (out / "blocks").mkdir()
    with pytest.raises(InputError, match="in the midst of training"):
        publish_studies(out.parent)
    assert not (home / "overview.html").exists()
