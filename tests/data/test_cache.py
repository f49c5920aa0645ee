"""The cache: whole entries or none, mapped and not read, rebuilt when damaged."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from jaxmlp.data.cache import STORED, cache_folder, content_digest, load_cached
from jaxmlp.data.loading import load
from jaxmlp.errors import InputError
from tests.data.idx_files import NAMES, random_set, write_set


class Build:
    """A source that counts how often it is read."""

    def __init__(self, value: int = 0):
        self.calls = 0
        self.arrays = {"a": np.full((3, 4), value, np.uint8), "b": np.arange(3, dtype=np.int32)}

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return self.arrays


def entry_of(cache: Path) -> Path:
    (entry,) = cache.iterdir()
    return entry


def test_the_second_load_opens_the_same_arrays_without_building():
    build = Build(value=7)
    first = load_cached("set", "source", build)
    arrays = load_cached("set", "source", build)
    assert build.calls == 1
    assert content_digest(first) == content_digest(arrays) == content_digest(build.arrays)
    for field, array in build.arrays.items():
        np.testing.assert_array_equal(arrays[field], array)
        assert arrays[field].dtype == array.dtype


def test_arrays_are_mapped_and_read_only():
    arrays = load_cached("set", "source", Build())
    assert isinstance(arrays["a"].base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        arrays["a"][0] = 1


@pytest.mark.parametrize("other", [("other", "source"), ("set", "elsewhere"), ("set", ["source", 1])])
def test_another_name_or_source_is_another_entry(other: tuple[str, object]):
    load_cached("set", "source", Build(value=1))
    arrays = load_cached(*other, Build(value=2))
    assert arrays["a"][0, 0] == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def change_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def change_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"{'descr'", b"{'descr(", 1))


def swap(path: Path) -> None:
    np.save(path, np.zeros((2, 2), np.uint8))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        pytest.param("a.npy", cut, id="truncated array"),
        pytest.param("a.npy", swap, id="another array"),
        pytest.param("a.npy", change_last_byte, id="another value"),
        pytest.param("a.npy", change_header, id="damaged header"),
        pytest.param("b.npy", Path.unlink, id="missing array"),
        pytest.param("b.npy", lambda path: path.write_bytes(b""), id="empty array"),
        pytest.param("b.npy", lambda path: path.write_bytes(b"no numpy file"), id="not an array"),
        pytest.param("meta.json", Path.unlink, id="missing meta"),
        pytest.param("meta.json", cut, id="truncated meta"),
        pytest.param("meta.json", lambda path: path.write_text("[]"), id="meta is not an object"),
        pytest.param("meta.json", lambda path: path.write_text(json.dumps({"arrays": {}})), id="meta lists no array"),
    ],
)
def test_a_damaged_entry_is_rebuilt(cache: Path, file: str, damage):
    build = Build(value=5)
    load_cached("set", "source", build)
    damage(entry_of(cache) / file)
    arrays = load_cached("set", "source", build)
    assert build.calls == 2
    assert content_digest(arrays) == content_digest(build.arrays)
    np.testing.assert_array_equal(arrays["a"], build.arrays["a"])
    load_cached("set", "source", build)
    assert build.calls == 2


def test_nothing_is_written_when_the_source_fails(cache: Path):
    def fail():
        raise InputError("no such file")

    with pytest.raises(InputError, match="no such file"):
        load_cached("set", "source", fail)
    assert not cache.exists()


def test_an_entry_cut_short_while_writing_is_not_there(cache: Path, monkeypatch: pytest.MonkeyPatch):
    def full_disk(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jaxmlp.data.cache.write_json", full_disk)
        with pytest.raises(InputError, match=r"No space left.*JAXMLP_CACHE"):
            load_cached("set", "source", Build())
    assert not list(cache.rglob("meta.json"))
    build = Build()
    load_cached("set", "source", build)
    assert build.calls == 1


def test_a_cache_folder_that_cannot_be_written(cache: Path):
    cache.write_text("a file where the folder should be")
    with pytest.raises(InputError) as error:
        load_cached("set", "source", Build())
    assert str(cache) in str(error.value)
    assert "JAXMLP_CACHE" in str(error.value)
    assert "\n" not in str(error.value)


def load_at_the_same_time(num_threads: int) -> list[np.ndarray]:
    """The arrays that several threads get which have all found the entry missing or damaged."""
    together = threading.Barrier(num_threads, timeout=30)

    def build() -> dict[str, np.ndarray]:
        together.wait()
        return {"a": np.full(1000, 3, np.int32)}

    with ThreadPoolExecutor(num_threads) as pool:
        loads = [pool.submit(load_cached, "set", "source", build) for _ in range(num_threads)]
    return [load.result()["a"] for load in loads]


def test_writers_at_the_same_time_leave_one_whole_entry(cache: Path):
    for arrays in load_at_the_same_time(8):
        np.testing.assert_array_equal(arrays, np.full(1000, 3))
    assert sorted(path.name for path in entry_of(cache).iterdir()) == ["a.npy", "meta.json"]


def test_writers_at_the_same_time_rebuild_a_damaged_entry(cache: Path):
    load_at_the_same_time(1)
    for _ in range(20):
        cut(entry_of(cache) / "a.npy")
        for arrays in load_at_the_same_time(4):
            np.testing.assert_array_equal(arrays, np.full(1000, 3))
    assert sorted(path.name for path in entry_of(cache).iterdir()) == ["a.npy", "meta.json"]


def test_mapped_arrays_outlive_damage_and_repair(cache: Path):
    build = Build(value=5)
    arrays = load_cached("set", "source", build)
    (entry_of(cache) / "meta.json").unlink()
    load_cached("set", "source", build)
    np.testing.assert_array_equal(arrays["a"], build.arrays["a"])


def test_an_entry_keeps_the_names_of_version_1_on_disk(cache: Path):
    """An entry that was written before the fields of a data set had other names is opened as it is."""
    arrays = {name: np.full(2, i, np.uint8) for i, name in enumerate(STORED)}
    assert list(load_cached("set", "source", lambda: arrays)) == list(STORED)
    files = {path.name for path in entry_of(cache).iterdir()}
    assert files == {"meta.json", "train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy"}


def test_the_digest_depends_on_values_fields_shapes_and_dtypes():
    zeros = np.zeros(4, np.uint8)
    variants = [
        {"a": zeros},
        {"b": zeros},
        {"a": zeros.reshape(2, 2)},
        {"a": zeros.view(np.int8)},
        {"a": zeros + np.uint8(1)},
        {"a": zeros, "b": zeros},
    ]
    assert len({content_digest(arrays) for arrays in variants}) == len(variants)
    assert content_digest({"a": zeros, "b": zeros}) == content_digest({"b": zeros, "a": zeros})


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("JAXMLP_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("JAXMLP_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "jaxmlp"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == tmp_path / ".cache" / "jaxmlp"


def test_a_folder_is_known_again_until_one_of_its_files_changes(tmp_path: Path, cache: Path):
    folder = write_set(tmp_path / "idx", random_set(seed=1), gz=False)
    first = load("mnist", data_dir=folder)
    assert load("mnist", data_dir=folder).digest == first.digest
    assert len(list(cache.iterdir())) == 1
    write_set(folder, random_set(seed=2), gz=False)  # as many bytes as before: only the times tell
    os.utime(folder / NAMES[0], ns=(1, 1))
    assert load("mnist", data_dir=folder).digest != first.digest


def test_a_read_only_folder_is_only_read(tmp_path: Path):
    folder = write_set(tmp_path / "idx", random_set())
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}
    load("mnist", data_dir=folder)
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]} == before


SECOND_LOAD = """
import sys, time
from jaxmlp.data import load
start = time.perf_counter()
load("mnist", data_dir=sys.argv[1])
print(time.perf_counter() - start)
print([name for name in ("tensorflow_datasets", "array_record", "tensorflow") if name in sys.modules])
"""


def second_load(folder: Path) -> tuple[float, str]:
    """Seconds of a load in a new process, and which heavy modules that process imported."""
    done = subprocess.run([sys.executable, "-c", SECOND_LOAD, str(folder)], capture_output=True, text=True, check=True)
    seconds, modules = done.stdout.split("\n")[:2]
    return float(seconds), modules


def test_a_second_load_is_fast_and_imports_no_reader(tmp_path: Path):
    folder = write_set(tmp_path / "idx", random_set(num_train=3000))
    load("mnist", data_dir=folder)
    seconds, modules = second_load(folder)
    assert seconds < 0.2
    assert modules == "[]"


def test_a_cache_that_others_may_write_is_refused(cache: Path):
    load_cached("set", "source", Build())
    for folder in (entry_of(cache), cache):
        mode = folder.stat().st_mode
        folder.chmod(mode | 0o002)
        with pytest.raises(InputError, match=r"\Aothers may write to the cache folder .*JAXMLP_CACHE.*\Z"):
            load_cached("set", "source", Build())
        folder.chmod(mode)
    load_cached("set", "source", Build())


def test_a_planted_link_is_not_written_through(cache: Path, tmp_path: Path):
    load_cached("set", "source", Build())
    entry = entry_of(cache)
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "meta.json").unlink()
    with pytest.raises(InputError, match="is a link"):
        load_cached("set", "source", Build())
    assert not (tmp_path / "elsewhere" / "meta.json").exists()


def test_the_cache_itself_may_be_reached_by_a_link(cache: Path, tmp_path: Path):
    (tmp_path / "disk").mkdir()
    cache.symlink_to(tmp_path / "disk")
    assert load_cached("set", "source", Build(value=3))["a"][0, 0] == 3
