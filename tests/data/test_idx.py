"""IDX files: what was written is read, and everything else is one line for the user."""

import contextlib
import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxmlp.data.idx import find_idx_files, read_idx, read_idx_folder
from jaxmlp.errors import InputError
from tests.data.idx_files import NAMES, idx_bytes, random_set, write_set

# One folder serves all examples of a test: every example overwrites the file that it reads.
many_examples = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
axes = st.sampled_from([1, 2, 3]).flatmap(lambda n: st.tuples(*[st.integers(1, 5)] * n))
arrays = hnp.arrays(np.uint8, axes)


def one_line(error: pytest.ExceptionInfo[InputError], *parts: str) -> None:
    message = str(error.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


@many_examples
@given(values=arrays, gz=st.booleans())
def test_what_is_written_is_read(tmp_path: Path, values: np.ndarray, gz: bool):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(idx_bytes(values)) if gz else idx_bytes(values))
    found = read_idx(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)


@many_examples
@given(values=arrays, gz=st.booleans(), data=st.data())
def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path, values: np.ndarray, gz: bool, data: st.DataObject):
    content = gzip.compress(idx_bytes(values)) if gz else idx_bytes(values)
    path = tmp_path / "cut"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(InputError) as error:
        read_idx(path)
    one_line(error, str(path))


@many_examples
@given(start=st.sampled_from([b"", b"\0\0\x08\x01", b"\0\0\x08\x03", b"\x1f\x8b\x08\0"]), rest=st.binary(max_size=40))
def test_any_other_bytes_are_read_or_refused(tmp_path: Path, start: bytes, rest: bytes):
    path = tmp_path / "bytes"
    path.write_bytes(start + rest)
    with contextlib.suppress(InputError):
        assert read_idx(path).size > 0


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"\x89PNG\r\n", "89504e47", id="a picture"),
        pytest.param(b"\0\0\x0a\x01\0\0\0\x01abcd", "0x0a", id="an unknown type"),
        pytest.param(b"\0\0\x08\x04" + b"\0\0\0\x01" * 4 + b"a", "4 axes", id="four axes"),
        pytest.param(b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"a", "255 axes", id="more axes than an array has"),
        pytest.param(b"\0\0\x08\x03" + b"\0" * 4 + b"\xff" * 8, "(0, 4294967295", id="none of huge images"),
        pytest.param(b"\0\0\x08\x03" + b"\xff" * 12 + b"a", "1 values", id="a huge header"),
        pytest.param(b"\0\0\x08\x01\0\0\0\x00", "(0,)", id="no examples"),
        pytest.param(b"\0\0\x08\x01\0\0\0\x02abc", "3 values", id="a byte too many"),
    ],
)
def test_the_message_names_the_file_and_what_was_found(tmp_path: Path, content: bytes, found: str):
    path = tmp_path / "some-file"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_idx(path)
    one_line(error, "some-file", found)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(InputError) as error:
        read_idx(tmp_path)
    one_line(error, f"cannot read {tmp_path}")


@many_examples
@given(values=arrays, where=st.integers(0), bits=st.integers(1, 255))
def test_a_changed_byte_in_a_gzip_file_never_changes_a_value(tmp_path: Path, values, where: int, bits: int):
    content = bytearray(gzip.compress(idx_bytes(values)))
    content[where % len(content)] ^= bits
    path = tmp_path / "changed"
    path.write_bytes(content)
    # Refused, unless the byte says nothing about the values, like those of the time stamp.
    with contextlib.suppress(InputError):
        np.testing.assert_array_equal(read_idx(path), values)


@pytest.mark.parametrize("gz", [True, False], ids=["gz", "plain"])
def test_a_folder_gives_flat_images_in_the_order_of_the_files(tmp_path: Path, gz: bool):
    values = random_set(num_train=7, num_test=3)
    found = read_idx_folder(write_set(tmp_path / "idx", values, gz=gz))
    assert {field: (a.dtype, a.shape) for field, a in found.items()} == {
        "train_inputs": (np.uint8, (7, 784)),
        "train_targets": (np.int32, (7,)),
        "test_inputs": (np.uint8, (3, 784)),
        "test_targets": (np.int32, (3,)),
    }
    np.testing.assert_array_equal(found["train_inputs"][:, 28:56], values[NAMES[0]][:, 1])
    np.testing.assert_array_equal(found["train_targets"], values[NAMES[1]])
    np.testing.assert_array_equal(found["test_inputs"][2].reshape(28, 28), values[NAMES[2]][2])
    np.testing.assert_array_equal(found["test_targets"], values[NAMES[3]])


def test_a_plain_file_is_taken_before_its_compressed_twin(tmp_path: Path):
    plain = random_set(seed=1)
    write_set(tmp_path, random_set(seed=2), gz=True)
    write_set(tmp_path, plain, gz=False)
    np.testing.assert_array_equal(read_idx_folder(tmp_path)["train_targets"], plain[NAMES[1]])


@pytest.mark.parametrize(
    ("name", "values", "parts"),
    [
        pytest.param(NAMES[1], np.zeros(29), ("30", "29", NAMES[0], NAMES[1]), id="one label less"),
        pytest.param(NAMES[2], np.zeros((11, 28, 28)), ("11", "10", NAMES[2], NAMES[3]), id="one image more"),
        pytest.param(NAMES[0], np.zeros((30, 32, 32)), (NAMES[0], "(30, 32, 32)", "28"), id="images too large"),
        pytest.param(NAMES[0], np.zeros(30), (NAMES[0], "(30,)"), id="labels for images"),
        pytest.param(NAMES[3], np.zeros((10, 28, 28)), (NAMES[3], "(10, 28, 28)"), id="images for labels"),
        pytest.param(NAMES[3], np.full(10, 10), (NAMES[3], "label 10", "0 to 9"), id="label out of range"),
    ],
)
def test_files_that_do_not_belong_together(tmp_path: Path, name: str, values: np.ndarray, parts: tuple[str, ...]):
    folder = write_set(tmp_path, random_set() | {name: values})
    with pytest.raises(InputError) as error:
        read_idx_folder(folder)
    one_line(error, *parts)


def test_a_missing_file_and_a_missing_folder(tmp_path: Path):
    folder = write_set(tmp_path / "idx", random_set())
    (folder / f"{NAMES[2]}.gz").unlink()
    with pytest.raises(InputError) as error:
        read_idx_folder(folder)
    one_line(error, NAMES[2], str(folder), *NAMES)
    (tmp_path / "file").write_text("no folder")
    for name in ("nowhere", "file"):
        with pytest.raises(InputError) as error:
            read_idx_folder(tmp_path / name)
        one_line(error, str(tmp_path / name), "does not exist or is no folder", "four IDX files")


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x08, "u1"), (0x09, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_every_type_of_the_format_is_read_in_this_machine_s_order(tmp_path: Path, code: int, dtype: str):
    values = np.arange(6).reshape(2, 3).astype(dtype)
    path = tmp_path / "file"
    path.write_bytes(bytes([0, 0, code, 2]) + np.array([2, 3], ">u4").tobytes() + values.tobytes())
    found = read_idx(path)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(found, values)


def renamed(tmp_path: Path, rename) -> Path:
    """A folder of a random set whose files have other names, or stand in folders."""
    folder = write_set(tmp_path / "idx", random_set(), gz=False)
    for path in sorted(folder.iterdir()):
        target = folder / rename(path.name)
        path.rename(folder / "moving")
        target.parent.mkdir(exist_ok=True)
        (folder / "moving").rename(target)
    return folder


@pytest.mark.parametrize(
    "rename",
    [
        pytest.param(lambda name: name.replace("-idx", ".idx"), id="a dot"),
        pytest.param(lambda name: f"{name.replace('-idx', '.idx')}/{name}", id="in a folder of that name"),
        pytest.param(lambda name: f"emnist-letters-{name.replace('t10k', 'test')}", id="with a set's name before"),
    ],
)
def test_names_that_differ_a_little_are_found(tmp_path: Path, rename):
    found = find_idx_files(renamed(tmp_path, rename))
    assert list(found) == ["train_inputs", "train_targets", "test_inputs", "test_targets"]
    assert len(read_idx(found["train_inputs"])) == 30


def test_the_files_of_two_sets_are_not_mixed(tmp_path: Path):
    folder = renamed(tmp_path, lambda name: f"emnist-letters-{name}")
    write_set(folder, random_set(seed=1))
    with pytest.raises(InputError) as error:
        find_idx_files(folder)
    one_line(error, "several sets", "'emnist-letters'")


def test_no_more_is_decompressed_than_the_header_announces(tmp_path: Path):
    """A gzip bomb: 60 MB in 60 kB behind a header of four values."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros(4)) + bytes(60_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as error:
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    one_line(error, "at least 5 values", "(4,)")


def test_what_does_not_fit_into_memory_is_refused_by_its_header(tmp_path: Path):
    path = tmp_path / "huge.gz"
    with path.open("wb") as file:
        file.write(gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12))
        file.truncate(10**12)  # a file with a hole: a terabyte that takes no room
    with pytest.raises(InputError) as error:
        read_idx(path)
    one_line(error, "GB of memory are free")
